"""Sets the gauges from what only the database knows, at a slow rate."""

import asyncio
from collections.abc import Mapping

import structlog

from gateway.domain.states import OPEN_STATES
from gateway.metrics.registry import Metrics
from gateway.operations.status import etas
from gateway.store import health, lanes, receipts
from gateway.store.buckets import bucket_label
from gateway.store.pauses import Scope
from gateway.store.pool import UNAVAILABLE, Connection, Pool
from gateway.store.status import Status, status

INTERVAL = 15.0
"""Seconds between two refreshes; Prometheus scrapes as often."""

HEALTH_EVERY = 4
"""Refreshes: the catalogue's figures of dead rows and indexes change slowly."""

log = structlog.get_logger(__name__)


class BacklogGauges:
    """The loop that refreshes the gauges."""

    def __init__(self, pool: Pool, metrics: Metrics, *, max_recipients: int) -> None:
        self._pool = pool
        self._metrics = metrics
        self._max_recipients = max_recipients
        self._lanes: set[str] = set()
        self._refreshes = 0

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except UNAVAILABLE as error:
                log.debug("gauges_not_refreshed", error=type(error).__name__)
            await asyncio.sleep(INTERVAL)

    async def refresh(self) -> None:
        """Refresh once."""
        async with self._pool.acquire() as connection:
            found = await status(connection)
            ends = etas(found, await lanes.list_lanes(connection), self._max_recipients)
            unmatched = await receipts.unmatched(connection)
            if self._refreshes % HEALTH_EVERY == 0:
                await self._health(connection)
        self._refreshes += 1
        self._metrics.receipts_unmatched.set(unmatched)
        self._set(found, ends)

    async def _health(self, connection: Connection) -> None:
        """Set what the doctor checks too: whether vacuum can keep up."""
        metrics = self._metrics
        held = [one.seconds for one in await health.holders(connection) if one.seconds is not None]
        metrics.oldest_snapshot.set(max(held, default=0.0))
        for table in await health.tables(connection):
            if table.name in health.HOT_TABLES:
                metrics.dead_rows.labels(table.name).set(table.dead)
        for index in await health.indexes(connection):
            if index.name in health.HOT_INDEXES:
                metrics.index_bytes.labels(index.name).set(index.bytes)

    def _set(self, found: Status, ends: Mapping[str, float | None]) -> None:
        metrics = self._metrics
        self._lanes |= {row.lane for row in found.backlog}
        for lane in self._lanes:
            rows = [row for row in found.backlog if row.lane == lane]
            for state in OPEN_STATES:
                metrics.outbox.labels(lane, state).set(sum(r.messages for r in rows if r.state == state))
            metrics.oldest_ready.labels(lane).set(
                max((max(0.0, r.oldest) for r in rows if r.oldest is not None and r.messages), default=0.0)
            )
            end = ends.get(lane)
            metrics.drain_eta.labels(lane).set(float("inf") if end is None else end)
        tokens: dict[str, float] = {}
        for bucket in found.buckets:
            label = bucket_label(bucket.name)
            tokens[label] = min(bucket.tokens, tokens.get(label, float("inf")))
        for label, available in tokens.items():
            metrics.tokens.labels(label).set(available)
        for route in found.routes:
            metrics.breaker.labels(route.name).set(route.opened_at is not None)
        for scope in Scope:
            metrics.paused.labels(scope).set(sum(1 for pause in found.pauses if pause.scope == scope))
