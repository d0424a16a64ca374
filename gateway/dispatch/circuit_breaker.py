"""Updates the circuit breaker of the route with the results of attempts."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from gateway.dispatch.result_plan import Decision
from gateway.domain.circuit_breaker import Breaker
from gateway.domain.outcome import Outcome
from gateway.store import breakers
from gateway.store.pool import Pool

UNANSWERED = frozenset({Outcome.NEVER_SENT, Outcome.AMBIGUOUS})

log = structlog.get_logger(__name__)


class RouteBreaker:
    """One route's breaker, as one process sees it.

    `failing` makes a healthy route free of cost: an answer is stored only if some replica has counted a failure since
    the last answer.
    """

    def __init__(self, pool: Pool, route: str) -> None:
        self._pool = pool
        self.route = route
        self.failing = False

    async def record(self, batch: Sequence[Decision]) -> None:
        """Record a batch of results. One answer outweighs any number of calls without an answer.

        If the process dies before this is committed, other calls will come to the same result.
        """
        unanswered = {one.attempt.request_id: one for one in batch if one.classification.outcome in UNANSWERED}
        if len(unanswered) < len(batch):
            if self.failing:
                await self._change(set(), "")
                self.failing = False
        elif unanswered:
            self.failing = True
            await self._change(set(unanswered), next(iter(unanswered.values())).classification.reason)

    async def probe_cancelled(self, requests: set[UUID]) -> None:
        """Allow another probe at once: these requests were probes, and were released before they were sent."""
        if requests:
            await breakers.change(self._pool, self.route, lambda breaker, now: breaker.probe_cancelled(requests, now))

    async def _change(self, failed: set[UUID], error: str) -> None:
        def how(breaker: Breaker, now: float) -> Breaker:
            return breaker.failed(failed, error, now) if failed else breaker.answered()

        before, after = await breakers.change(self._pool, self.route, how)
        if after.is_open and not before.is_open:
            log.error("breaker_opened", route=self.route, failures=after.failures, reason=error)
        elif before.is_open and not after.is_open:
            log.info("breaker_closed", route=self.route)
        elif after.is_open and after != before:
            log.warning("probe_failed", route=self.route, failures=after.failures, reason=error)
