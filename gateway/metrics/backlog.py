"""Asks the database at a slow beat what only it can know, and sets the gauges."""

import asyncio

import structlog

from gateway.metrics.registry import OPEN_STATES, SCOPES, Metrics
from gateway.store import receipts
from gateway.store.pool import UNAVAILABLE, Pool
from gateway.store.status import Status, drain_eta, status

BEAT = 10.0
"""Seconds; Prometheus scrapes every fifteen or so."""

log = structlog.get_logger(__name__)


class BacklogGauges:
    """The loop that keeps the gauges fresh."""

    def __init__(self, pool: Pool, metrics: Metrics, *, max_recipients: int) -> None:
        self._pool = pool
        self._metrics = metrics
        self._max_recipients = max_recipients
        self._lanes: set[str] = set()

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except UNAVAILABLE as error:
                log.debug("gauges_not_refreshed", error=type(error).__name__)
            await asyncio.sleep(BEAT)

    async def refresh(self) -> None:
        """Ask once."""
        async with self._pool.acquire() as connection:
            found = await status(connection)
            unmatched = await receipts.unmatched(connection)
        self._metrics.receipts_unmatched.set(unmatched)
        self._set(found)

    def _set(self, found: Status) -> None:
        metrics = self._metrics
        self._lanes |= {row.lane for row in found.backlog}
        for lane in self._lanes:
            rows = [row for row in found.backlog if row.lane == lane]
            for state in OPEN_STATES:
                metrics.outbox.labels(lane, state).set(sum(r.messages for r in rows if r.state == state))
            metrics.oldest_ready.labels(lane).set(
                max((max(0.0, r.oldest) for r in rows if r.oldest is not None and r.messages), default=0.0)
            )
            waiting = sum(r.messages for r in rows if r.state in ("ready", "held"))
            metrics.drain_eta.labels(lane).set(drain_eta(waiting, found.buckets, max_recipients=self._max_recipients))
        tokens: dict[str, float] = {}
        for bucket, available in found.buckets:
            kind = bucket.name.partition(":")[0]
            tokens[kind] = min(available, tokens.get(kind, float("inf")))
        for kind, available in tokens.items():
            metrics.tokens.labels(kind).set(available)
        for route in found.routes:
            metrics.breaker.labels(route.name).set(route.opened_at is not None)
        for scope in SCOPES:
            metrics.paused.labels(scope).set(sum(1 for pause in found.pauses if pause.scope == scope))
