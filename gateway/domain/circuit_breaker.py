"""The circuit breaker of a route: after consecutive calls without an answer, only one probe at a time is made.

It protects the messages, not the provider. An attempt that may have arrived starts the clock of the idempotency
horizon, so each further attempt while the provider is away only creates another request with an unknown outcome. A
breaker is open for all replicas at once: its state is one row of `smsgw.route`.
"""

from dataclasses import dataclass, replace
from uuid import UUID

FAILURE_THRESHOLD = 5
"""Consecutive calls without any answer that open the breaker."""

FIRST_PROBE_WAIT_SECONDS = 2.0
"""From the opening to the first probe. Each failed probe doubles the wait for the next."""

MAX_PROBE_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one route. Times are in seconds of the database's clock."""

    name: str
    failures: int = 0
    """Consecutive calls without an answer."""
    opened_at: float | None = None
    retry_at: float | None = None
    probe: UUID | None = None
    """The request that is the probe; None while there is no probe."""
    last_error: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are blocked."""
        return self.opened_at is not None

    def wait(self, now: float) -> float:
        """Return the seconds until a call may be made; 0.0 if it may be made now."""
        return 0.0 if self.retry_at is None else max(0.0, self.retry_at - now)

    def probe_started(self, request: UUID, timeout: float, now: float) -> "Breaker":
        """Return the breaker while `request` is the probe: no other probe starts for `timeout` seconds.

        So a worker that dies with the probe delays the next one, and blocks nothing.
        """
        return replace(self, probe=request, retry_at=now + timeout)

    def probe_cancelled(self, requests: "frozenset[UUID] | set[UUID]", now: float) -> "Breaker":
        """Return the breaker after these requests were not sent: if one was the probe, another may start at once."""
        return replace(self, probe=None, retry_at=now) if self.probe in requests else self

    def answered(self) -> "Breaker":
        """Return the breaker after any answer: it is closed."""
        return replace(self, failures=0, opened_at=None, retry_at=None, probe=None)

    def failed(self, requests: "frozenset[UUID] | set[UUID]", error: str, now: float) -> "Breaker":
        """Return the breaker after calls for these requests got no answer.

        While it is open only the probe counts. The other calls were made before it opened, so they add no information.
        """
        failures = self.failures + len(requests)
        if not self.is_open:
            if failures < FAILURE_THRESHOLD:
                return replace(self, failures=failures, last_error=error)
            # Not the number of calls that failed together: above the threshold, each failure is one failed probe.
            return replace(
                self,
                failures=FAILURE_THRESHOLD,
                opened_at=now,
                retry_at=now + FIRST_PROBE_WAIT_SECONDS,
                probe=None,
                last_error=error,
            )
        if self.probe not in requests:
            return self
        wait = FIRST_PROBE_WAIT_SECONDS * 2.0 ** min(self.failures - FAILURE_THRESHOLD + 1, 10)
        return replace(
            self,
            failures=self.failures + 1,
            retry_at=now + min(MAX_PROBE_WAIT_SECONDS, wait),
            probe=None,
            last_error=error,
        )
