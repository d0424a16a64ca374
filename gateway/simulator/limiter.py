"""Rate-limit windows as the provider counts them, and their headers."""

from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Count:
    """Whether a request is within the limit, and the values of the headers."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    """Seconds until the window has room again."""

    def headers(self) -> dict[str, str]:
        """Return both families of headers; the reset in milliseconds, as documented."""
        values = {"Limit": self.limit, "Remaining": self.remaining, "Reset": int(self.reset * 1000)}
        found = {
            f"{family}-{name}": str(value) for family in ("RateLimit", "X-RateLimit") for name, value in values.items()
        }
        if not self.allowed:
            found["Retry-After"] = str(max(1, int(self.reset + 0.999)))
        return found


class Window:
    """One limit: `limit` requests in any (sliding) or each (fixed) window."""

    def __init__(self) -> None:
        self._counted: deque[float] = deque()

    def count(
        self,
        now: float,
        *,
        limit: int,
        length: float,
        kind: Literal["sliding", "fixed"],
        rejected_counts: bool,
    ) -> Count:
        """Count a request at `now`."""
        start = now - length if kind == "sliding" else now - now % length
        while self._counted and (self._counted[0] <= start if kind == "sliding" else self._counted[0] < start):
            self._counted.popleft()
        allowed = len(self._counted) < limit
        if allowed or rejected_counts:
            self._counted.append(now)
        if kind == "fixed":
            reset = start + length - now
        else:
            reset = self._counted[max(0, len(self._counted) - limit)] + length - now if self._counted else 0.0
        return Count(allowed, limit, max(0, limit - len(self._counted)), max(0.0, reset))


class Arrivals:
    """Counts what reached the send endpoint, so that tests can check the limit."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self.total = 0
        self.fullest = 0
        """The largest number of arrivals in any sliding window of the present length."""
        self.refused = 0

    def count(self, now: float, length: float) -> None:
        """Count one arrival."""
        self.total += 1
        self._recent.append(now)
        while self._recent[0] <= now - length:
            self._recent.popleft()
        self.fullest = max(self.fullest, len(self._recent))
