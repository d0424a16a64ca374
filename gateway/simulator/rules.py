"""The rules of faults: which kind, how often, when, and with which parameters.

A rule is data. It is checked whole before it takes effect, and what is wrong is named by its place, so that a run of
many hours does not turn out to have tested nothing because of a misspelt key.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FaultError(ValueError):
    """A rule is invalid. The message names it; `index` and `key` locate it in the file."""

    def __init__(self, message: str, *, index: int | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.index = index
        self.key = key


class Stage(StrEnum):
    """The stage of a request or a receipt at which a kind of fault occurs."""

    REFUSE = "refuse"
    """An answer or a closed connection instead of the work: nothing is sent."""
    SLOW = "slow"
    RECIPIENTS = "recipients"
    """Some texts are not sent."""
    MEMORY = "memory"
    """How long the request id is remembered."""
    AFTER = "after"
    """The texts were sent; the answer is wrong or missing."""
    EARLY = "early"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Kind:
    """The keys of one kind of fault, and their defaults."""

    stage: Stage
    takes: frozenset[str] = frozenset()
    ahead_of_ids: bool = False


def _kind(stage: Stage, *takes: str, ahead_of_ids: bool = False) -> Kind:
    return Kind(stage, frozenset(takes), ahead_of_ids)


_REFUSE = ("ahead_of_ids", "consumes", "lasts")

KINDS: Mapping[str, Kind] = {
    "429": _kind(Stage.REFUSE, *_REFUSE, "headers", "retry_after", ahead_of_ids=True),
    "401": _kind(Stage.REFUSE, *_REFUSE, ahead_of_ids=True),
    "402": _kind(Stage.REFUSE, *_REFUSE),
    "403": _kind(Stage.REFUSE, *_REFUSE, "reason"),
    "500_before": _kind(Stage.REFUSE, *_REFUSE),
    "html_502_before": _kind(Stage.REFUSE, *_REFUSE, ahead_of_ids=True),
    "drop_before": _kind(Stage.REFUSE, *_REFUSE, ahead_of_ids=True),
    "success_false_before": _kind(Stage.REFUSE, *_REFUSE),
    "slow_before": _kind(Stage.SLOW, "delay"),
    "slow_after": _kind(Stage.SLOW, "delay"),
    "partial": _kind(Stage.RECIPIENTS, "share"),
    "silent_drop": _kind(Stage.RECIPIENTS, "share"),
    "forget_id": _kind(Stage.MEMORY, "memory"),
    "500_after": _kind(Stage.AFTER, "consumes"),
    "html_502_after": _kind(Stage.AFTER, "consumes"),
    "drop_after": _kind(Stage.AFTER, "consumes"),
    "truncated_after": _kind(Stage.AFTER, "consumes"),
    "success_false_after": _kind(Stage.AFTER, "consumes"),
    "webhook_early": _kind(Stage.EARLY, "delay"),
    "webhook_lost": _kind(Stage.WEBHOOK, "events"),
    "webhook_doubled": _kind(Stage.WEBHOOK, "events", "copies", "delay"),
    "webhook_reordered": _kind(Stage.WEBHOOK, "events", "delay"),
    "webhook_late": _kind(Stage.WEBHOOK, "events", "delay"),
}  # fmt: skip

HEADERS = ("full", "none", "retry_after", "absurd")
EVENTS = ("delivery-status", "message-reply", "message-send", "number-opt-in")
OTHER_STAGES = (Stage.REFUSE, Stage.SLOW)
"""The kinds that may affect a call other than a send."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    kind: str
    name: str
    """Its unique name; by default the kind and its index."""
    chance: float = 1.0
    enabled: bool = True
    on: str = "send"
    """`send`, or `other` for every other call of the API."""
    tries: tuple[int, ...] = ()
    """Only on these tries of a request, counted from 1; empty means all."""
    start: float = 0.0
    """Seconds after the plan was loaded (`from` in a file)."""
    until: float = math.inf
    from_request: int = 1
    """Only from this call on, counted since the plan was loaded."""
    until_request: float = math.inf
    max_strikes: float = math.inf
    """How often it occurs at most. Which calls these are depends on the order of arrival."""
    lasts: float = 0.0
    """Seconds during which every call gets this fault, once it has occurred."""
    ahead_of_ids: bool = False
    """It occurs before the request id is checked, so a repeated request gets it too."""
    consumes: bool | None = None
    """Whether the id is used up. By default: if texts were sent, or if the configuration says so."""
    delay: tuple[float, float] = (1.0, 1.0)
    memory: tuple[float, float] = (0.0, 0.0)
    share: float = 0.5
    """Share of the recipients; each number is decided alone."""
    headers: str = "full"
    retry_after: float | None = None
    reason: str | None = None
    copies: int = 2
    events: tuple[str, ...] = EVENTS

    @property
    def stage(self) -> Stage:
        """The stage at which it occurs."""
        return KINDS[self.kind].stage

    def as_dict(self) -> dict[str, Any]:
        """Return it as a plan file has it."""
        always = {"kind", "name", "chance", "enabled", "on", "tries", "start", "until", "from_request",
                  "until_request", "max_strikes"}  # fmt: skip
        found = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(self).items()
            if (key in always or key in KINDS[self.kind].takes) and value != math.inf and value is not None
        }
        found["from"] = found.pop("start")
        return found


_COMMON = frozenset(
    {"kind", "name", "chance", "enabled", "on", "tries", "from", "until", "from_request", "until_request"}
    | {"max_strikes"}
)


def read_rule(written: Any, index: int) -> Rule:
    """Return the rule in this table; raises `FaultError` naming what is wrong with which key."""
    if not isinstance(written, dict):
        raise FaultError(f"fault {index + 1}: must be a table", index=index)
    kind = written.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise FaultError(
            f"fault {index + 1}: kind: must be one of {', '.join(KINDS)}",
            index=index,
            key="kind" if "kind" in written else None,
        )
    where = f"fault {index + 1} ({kind})"
    values: dict[str, Any] = {"ahead_of_ids": KINDS[kind].ahead_of_ids}
    for key, value in written.items():
        if key not in _COMMON and key not in KINDS[kind].takes:
            known = ", ".join(sorted(_COMMON | KINDS[kind].takes))
            raise FaultError(f"{where}: {key}: no such key here; there are {known}", index=index, key=key)
        try:
            values["start" if key == "from" else key] = _READERS[key](value)
        except ValueError as error:
            raise FaultError(f"{where}: {key}: {error}", index=index, key=key) from None
    values.setdefault("name", f"{kind}#{index + 1}")
    rule = Rule(**values)
    if rule.on == "other" and rule.stage not in OTHER_STAGES:
        raise FaultError(f"{where}: on: this kind strikes sends only", index=index, key="on")
    return rule


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or not math.isfinite(value):
        raise ValueError("must be a number from 0 up")
    return float(value)


def _chance(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("must be a number between 0 and 1")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number from 1 up")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _one_of(*words: str) -> Any:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return read


def _span(value: Any) -> tuple[float, float]:
    """Seconds: one number, or the minimum and the maximum."""
    if isinstance(value, list) and len(value) == 2:
        low, high = _number(value[0]), _number(value[1])
        if low > high:
            raise ValueError("the first must not be more than the second")
        return low, high
    if isinstance(value, list):
        raise ValueError("must be a number of seconds, or a list of two")
    return _number(value), _number(value)


def _tries(value: Any) -> tuple[int, ...]:
    return tuple(_whole(one) for one in value) if isinstance(value, list) else (_whole(value),)


def _events(value: Any) -> tuple[str, ...]:
    read = _one_of(*EVENTS)
    return tuple(read(one) for one in (value if isinstance(value, list) else [value]))


_READERS: Mapping[str, Any] = {
    "kind": _word, "name": _word, "chance": _chance, "enabled": _flag, "on": _one_of("send", "other"),
    "tries": _tries, "from": _number, "until": _number, "from_request": _whole, "until_request": _whole,
    "max_strikes": _whole, "lasts": _number, "ahead_of_ids": _flag, "consumes": _flag, "delay": _span, "memory": _span,
    "share": _chance, "headers": _one_of(*HEADERS), "retry_after": _number, "reason": _word, "copies": _whole,
    "events": _events,
}  # fmt: skip
