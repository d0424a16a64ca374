"""Reads the status of the installation, once for all browsers.

One loop reads the database: every two seconds while a browser follows the live overview, otherwise every ten. Pages
render the latest snapshot, so the number of open browsers costs the database nothing and no page waits for a count.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg
import structlog

from gateway.operations import samples
from gateway.operations.samples import Cohort, Sample
from gateway.operations.status import LaneStatus, StatusReport, read_status
from gateway.store.pool import UNAVAILABLE, Pool

LIVE_INTERVAL = 2.0
IDLE_INTERVAL = 10.0
MAX_AGE = 12.0
"""Seconds after which a page refreshes the snapshot instead of showing it."""

COHORT_INTERVAL = 20.0
PRUNE_INTERVAL = 600.0
PLOT_SECONDS = 1800.0

MAX_SUBSCRIBERS = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """Everything that the overview shows."""

    taken_at: float
    """Monotonic."""
    report: StatusReport
    samples: list[Sample]
    cohorts: list[Cohort]


class TooManySubscribers(Exception):
    """No further browser can follow the live overview. Pages still work."""


class StatusCache:
    """Holds the latest snapshot and the subscribers that wait for the next one."""

    def __init__(self, pool: Pool, *, max_recipients: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._max_recipients = max_recipients
        self._clock = clock
        self._latest: StatusSnapshot | None = None
        self._refreshed = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._lock = asyncio.Lock()
        self._subscribers = 0
        self._cohorts: tuple[float, list[Cohort]] | None = None
        self._pruned_at = -float("inf")
        self._closed = False

    async def run(self) -> None:
        """Refresh until cancelled. A database error is logged, and the next refresh tries again."""
        while True:
            try:
                await self.refresh()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                log.debug("status_refresh_failed", error=type(error).__name__)
            self._subscribed.clear()
            try:
                async with asyncio.timeout(LIVE_INTERVAL if self._subscribers else IDLE_INTERVAL):
                    await self._subscribed.wait()
            except TimeoutError:
                pass

    async def snapshot(self) -> StatusSnapshot:
        """Return the latest snapshot, refreshed if it is older than `MAX_AGE`. Raises database errors."""
        if self._latest is None or self._clock() - self._latest.taken_at > MAX_AGE:
            return await self.refresh()
        return self._latest

    async def refresh(self) -> StatusSnapshot:
        """Read the status now. Concurrent calls share one read."""
        requested_at = self._clock()
        async with self._lock:
            if self._latest is not None and self._latest.taken_at >= requested_at:
                return self._latest
            self._latest = await self._read()
        self._refreshed.set()
        self._refreshed = asyncio.Event()
        return self._latest

    async def subscribe(self) -> AsyncIterator[StatusSnapshot]:
        """Yield the latest snapshot and every new one until `close`. Raises `TooManySubscribers`."""
        if self._subscribers >= MAX_SUBSCRIBERS:
            raise TooManySubscribers
        self._subscribers += 1
        try:
            self._subscribed.set()
            while not self._closed:
                refreshed = self._refreshed
                if self._latest is not None:
                    yield self._latest
                await refreshed.wait()
        finally:
            self._subscribers -= 1

    def close(self) -> None:
        """End every subscription, because the process stops."""
        self._closed = True
        self._refreshed.set()

    async def _read(self) -> StatusSnapshot:
        now = self._clock()
        async with self._pool.acquire() as connection:
            report = await read_status(connection, max_recipients=self._max_recipients)
            waiting, oldest, limiter = sample_values(report)
            await samples.add(connection, waiting=waiting, oldest=oldest, limiter=limiter)
            if now - self._pruned_at > PRUNE_INTERVAL:
                self._pruned_at = now
                await samples.prune(connection)
            if self._cohorts is None or now - self._cohorts[0] > COHORT_INTERVAL:
                self._cohorts = now, await samples.cohorts(connection)
            recent = await samples.since(connection, PLOT_SECONDS)
            return StatusSnapshot(self._clock(), report, recent, self._cohorts[1])


def sample_values(report: StatusReport) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return waiting messages and the age of the oldest, by lane, and the used share of each limit."""
    return (
        {lane.lane: waiting_messages(lane) for lane in report.lanes},
        {lane.lane: round(lane.oldest or 0.0, 1) for lane in report.lanes},
        {limit.name: round(limit.used, 3) for limit in report.limits},
    )


def waiting_messages(lane: LaneStatus) -> int:
    """Return the messages of a lane that are ready, or would be if they were not held."""
    return lane.states.get("ready", 0) + lane.states.get("held", 0)
