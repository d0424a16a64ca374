"""Decides which faults occur: by rules, by chance, or in a given order.

Each decision is a hash of the seed, the rule, the request and the number of its try. No random generator is shared, so
the same seed and the same requests meet the same faults in any order. The settings `faults` (chances by name) and
`fail_next` (the next answers, each used once) work too. The name of a fault says whether it occurs before or after the
texts are sent: `…_before` or `…_after`.
"""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from gateway.simulator.plan import Plan
from gateway.simulator.rules import Rule, Stage

REMEMBERED = 100_000
"""Occurrences kept for the log."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One occurrence of a fault."""

    fault: str
    key: str
    try_number: int
    after: float
    """Seconds since the plan was loaded."""


class Faults:
    """Decides which faults a request or a receipt meets."""

    def __init__(self, seed: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seed = seed
        self._clock = clock
        self._next: deque[str] = deque()
        self._tries: Counter[str] = Counter()
        self._storms: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._began = clock()
        self.plan = Plan(seed)
        self.strikes: deque[Strike] = deque(maxlen=REMEMBERED)

    def follow(self, plan: Plan) -> None:
        """Replace the plan. Times, calls and counts restart; the tries of a request continue."""
        self.plan = plan
        self._began = self._clock()
        self._storms.clear()
        self._counts.clear()
        self._calls.clear()
        self.strikes.clear()

    def amend(self, plan: Plan) -> None:
        """Replace some rules of the plan; times and counts continue."""
        self.plan = plan

    def counts(self) -> dict[str, int]:
        """Return how often each rule occurred."""
        return {rule.name: self._counts[rule.name] for rule in self.plan.rules}

    def log(self) -> Iterator[dict[str, object]]:
        """Yield the occurrences in order."""
        return (asdict(strike) for strike in self.strikes)

    def order(self, names: tuple[str, ...]) -> None:
        """Add faults for the next sends, one each."""
        self._next.extend(names)

    def visit(self, on: str, key: str) -> "Visit":
        """Count a call under this key, and return its decisions."""
        self._tries[f"{on}\0{key}"] += 1
        self._calls[on] += 1
        return Visit(self, on, key, self._tries[f"{on}\0{key}"], self._calls[on])

    def by_knob(self, chances: dict[str, float], visit: "Visit") -> str | None:
        """Return the fault that the settings `fail_next` and `faults` have for this send."""
        if self._next:
            name = self._next.popleft()
            return None if name == "none" else name
        for name, chance in chances.items():
            if self.dice(name, visit.key, visit.try_number) < chance:
                return name
        return None

    def strikes_now(self, rule: Rule, key: str, try_number: int, call: int) -> bool:
        """Whether the rule applies to this call. If it does, count it."""
        now = self._clock()
        since = now - self._began
        if not rule.enabled or not rule.start <= since < rule.until:
            return False
        storm = now < self._storms.get(rule.name, 0.0)
        if not storm:
            if not rule.from_request <= call <= rule.until_request or self._counts[rule.name] >= rule.max_strikes:
                return False
            if rule.tries and try_number not in rule.tries:
                return False
            if self.dice(rule.name, key, try_number) >= rule.chance:
                return False
            if rule.lasts:
                self._storms[rule.name] = now + rule.lasts
        self._counts[rule.name] += 1
        self.strikes.append(Strike(rule.name, key, try_number, since))
        return True

    def dice(self, *words: object) -> float:
        """Return a number from 0 to 1, derived from these words and the seed."""
        text = "\0".join(map(str, (self.plan.seed, *words)))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2.0**64

    def between(self, bounds: tuple[float, float], *words: object) -> float:
        """Return a number between two bounds, derived from these words and the seed."""
        return bounds[0] + (bounds[1] - bounds[0]) * self.dice(*words) if bounds[1] > bounds[0] else bounds[0]


@dataclass(frozen=True, slots=True)
class Visit:
    """One call, and the faults that it meets."""

    faults: Faults
    on: str
    key: str
    try_number: int
    call: int

    def first(self, stage: Stage, *, ahead_of_ids: bool = False) -> Rule | None:
        """Return the first rule of a stage that applies."""
        return next(self._striking(stage, ahead_of_ids=ahead_of_ids), None)

    def pause(self, kind: str) -> float:
        """Return the total delay in seconds of the slow rules of this kind."""
        return sum(
            self.faults.between(rule.delay, rule.name, "delay", self.key, self.try_number)
            for rule in self._striking(Stage.SLOW, kind=kind)
        )

    def drops(self, number: str) -> str | None:
        """Return why the text of this recipient is dropped: `partial`, which the answer reports, or `silent_drop`."""
        for rule in self._matching(Stage.RECIPIENTS):
            falls = self.faults.dice(rule.name, "share", self.key, self.try_number, number) < rule.share
            if falls and self.faults.strikes_now(rule, self.key, self.try_number, self.call):
                return rule.kind
        return None

    def memory(self, usual: float) -> float:
        """Return how many seconds this id is remembered."""
        rule = self.first(Stage.MEMORY)
        return usual if rule is None else self.faults.between(rule.memory, rule.name, "memory", self.key)

    def _matching(self, stage: Stage) -> Iterator[Rule]:
        return (rule for rule in self.faults.plan.rules if rule.stage is stage and rule.on == self.on)

    def _striking(self, stage: Stage, *, ahead_of_ids: bool = False, kind: str | None = None) -> Iterator[Rule]:
        return (
            rule
            for rule in self._matching(stage)
            if rule.ahead_of_ids is ahead_of_ids
            and kind in (None, rule.kind)
            and self.faults.strikes_now(rule, self.key, self.try_number, self.call)
        )
