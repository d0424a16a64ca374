"""Notices that the database's clock was set, by comparison with this process's own clock.

Tokens return by the database's clock. If it is set, or a failover brings another host's clock, tokens would
return too early or hours too late. A process therefore remembers what the database's clock showed when, and tells the
limiter what it should show now. The bucket's times then move with the clock (`smsgw.take_tokens`).
"""

from collections.abc import Callable

from gateway.clock import monotonic

SMALLEST_STEP_SECONDS = 1.0
"""A smaller difference is no step: clocks drift, and answers take their time."""

DRIFT = 0.0005
"""The difference in speed that two clocks may have. Time servers correct a clock by at most this."""


class ClockReference:
    """The database's clock as one process last saw it, and the shift of the bucket that went with it."""

    def __init__(self, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._monotonic = monotonic
        self._seen: tuple[float, float] | None = None
        self._round_trip = 0.0
        self.shift = 0.0
        """The bucket's clock shift when it was last seen, in seconds."""

    def now(self) -> float:
        """Return the time of this process's own clock."""
        return self._monotonic()

    def expected(self, asked_at: float) -> float | None:
        """Return what the database's clock should show when a question of this moment arrives; None at first."""
        if self._seen is None:
            return None
        own, database = self._seen
        return database + (asked_at - own) + self._round_trip / 2.0

    @property
    def tolerance(self) -> float:
        """Seconds by which the clock may differ from what is expected."""
        since = 0.0 if self._seen is None else self._monotonic() - self._seen[0]
        return SMALLEST_STEP_SECONDS + self._round_trip + DRIFT * since

    def record(self, asked_at: float, database: float, shift: float) -> None:
        """Remember an answer: what the database's clock showed between the question and now."""
        answered_at = self._monotonic()
        self._round_trip = answered_at - asked_at
        self._seen = ((asked_at + answered_at) / 2.0, database)
        self.shift = shift
