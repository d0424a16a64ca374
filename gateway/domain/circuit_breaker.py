"""The circuit breaker of a route: after enough calls in a row without an answer only one at a time is made, and rarely.

What it saves is not the provider but the messages: an attempt that may have arrived starts the clock of the horizon,
and while the provider is away each further one only makes another request of which nobody knows. A breaker is open for
all replicas at once; its state is one row of `smsgw.route`.
"""

from dataclasses import dataclass, replace
from uuid import UUID

THRESHOLD = 5
"""Calls in a row without any answer."""

FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0
"""Seconds until the next probe: doubled by each probe that fails."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one route. Times are seconds of the database's clock."""

    name: str
    failures: int = 0
    """Calls in a row that got no answer."""
    opened_at: float | None = None
    retry_at: float | None = None
    probe: UUID | None = None
    """The request that is asked; None while nobody asks."""
    last_error: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self.opened_at is not None

    def wait(self, now: float) -> float:
        """Return the seconds until a call may be made; 0.0 if it may now."""
        return 0.0 if self.retry_at is None else max(0.0, self.retry_at - now)

    def probing(self, request: UUID, patience: float, now: float) -> "Breaker":
        """Return the breaker while `request` is asked: nobody else asks for `patience` seconds.

        A worker that dies with the probe therefore delays the next one, and blocks nothing.
        """
        return replace(self, probe=request, retry_at=now + patience)

    def probe_cancelled(self, requests: "frozenset[UUID] | set[UUID]", now: float) -> "Breaker":
        """Return the breaker after these requests did not go at all: if one was the probe, another may be, at once."""
        return replace(self, probe=None, retry_at=now) if self.probe in requests else self

    def answered(self) -> "Breaker":
        """Return the breaker after any answer: the way is open."""
        return replace(self, failures=0, opened_at=None, retry_at=None, probe=None)

    def failed(self, requests: "frozenset[UUID] | set[UUID]", error: str, now: float) -> "Breaker":
        """Return the breaker after calls for these requests got no answer.

        While it is open only its probe counts: the others were made before it opened, and say nothing new.
        """
        failures = self.failures + len(requests)
        if not self.is_open:
            if failures < THRESHOLD:
                return replace(self, failures=failures, last_error=error)
            # Not as many as failed together: how long to wait is counted in probes.
            return replace(
                self, failures=THRESHOLD, opened_at=now, retry_at=now + FIRST_WAIT, probe=None, last_error=error
            )
        if self.probe not in requests:
            return self
        doubled = FIRST_WAIT * 2.0 ** min(self.failures - THRESHOLD + 1, 10)
        return replace(
            self, failures=self.failures + 1, retry_at=now + min(LONGEST_WAIT, doubled), probe=None, last_error=error
        )
