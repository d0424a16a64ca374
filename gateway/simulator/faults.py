"""Where the simulator misbehaves on purpose: named points on the way of a send, by chance or by order.

A name says when it strikes: `…_before` the texts leave, `…_after` they left. The chance of each is a knob; `fail_next`
lists the very next answers and is used up.
"""

import random
from collections import deque

FAULTS = (
    "500_before", "500_after", "drop_before", "drop_after", "html_502", "truncated_after", "success_false_after",
    "429", "401", "402", "403", "403_account",
)  # fmt: skip


class Faults:
    """Decides for each send which fault strikes, if any; the same seed decides the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._next: deque[str] = deque()

    def plan(self, names: tuple[str, ...]) -> None:
        """Have the next sends meet these, one each."""
        self._next.extend(names)

    def strike(self, chances: dict[str, float]) -> str | None:
        """Return the fault that this send meets."""
        if self._next:
            name = self._next.popleft()
            return None if name == "none" else name
        for name, chance in chances.items():
            if self._random.random() < chance:
                return name
        return None

    def between(self, bounds: tuple[float, float]) -> float:
        """Return a random moment between two bounds."""
        return bounds[0] if bounds[0] >= bounds[1] else self._random.uniform(*bounds)
