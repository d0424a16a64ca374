"""Looks at the whole installation again and again, once for everybody who watches.

However many browsers are open, the database is asked by one loop: every two seconds while somebody watches live, else
every ten. A page is rendered from the last look, so that no page waits for a count.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg
import structlog

from gateway.operations.status import LaneStatus, StatusReport, read_status
from gateway.store import samples
from gateway.store.pool import UNAVAILABLE, Pool
from gateway.store.samples import Cohort, Sample

LIVE_BEAT = 2.0
IDLE_BEAT = 10.0
STALE = 12.0
"""Seconds after which a look is too old to show without a new one."""

COHORTS_EVERY = 20.0
PRUNE_EVERY = 600.0
SPAN = 1800.0
"""Seconds that the plots look back."""

MOST_WATCHERS = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """Everything that the overview shows."""

    at: float
    """Monotonic."""
    now: StatusReport
    samples: list[Sample]
    cohorts: list[Cohort]


class StatusCache:
    """The loop, its last look, and who waits for the next."""

    def __init__(self, pool: Pool, *, max_recipients: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._max_recipients = max_recipients
        self._clock = clock
        self._last: StatusSnapshot | None = None
        self._fresh = asyncio.Event()
        self._wake = asyncio.Event()
        self._one = asyncio.Lock()
        self._watchers = 0
        self._cohorts: tuple[float, list[Cohort]] | None = None
        self._pruned = -float("inf")
        self._closed = False

    async def run(self) -> None:
        """Refresh until cancelled. An error of the database is logged; the next refresh tries again."""
        while True:
            try:
                await self.look()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                log.debug("look_failed", error=type(error).__name__)
            self._wake.clear()
            try:
                async with asyncio.timeout(LIVE_BEAT if self._watchers else IDLE_BEAT):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def latest(self) -> StatusSnapshot:
        """Return the last look, or a new one where that is too old. Raises what the database raises."""
        if self._last is None or self._clock() - self._last.at > STALE:
            return await self.look()
        return self._last

    async def look(self) -> StatusSnapshot:
        """StatusSnapshot now. Who asks while somebody looks gets the same answer."""
        asked = self._clock()
        async with self._one:
            if self._last is not None and self._last.at >= asked:
                return self._last
            self._last = await self._ask()
        self._fresh.set()
        self._fresh = asyncio.Event()
        return self._last

    async def each(self) -> AsyncIterator[StatusSnapshot]:
        """Yield every new look, the present one first, until `close`. Raises `TooManyWatchers`."""
        if self._watchers >= MOST_WATCHERS:
            raise TooManyWatchers
        self._watchers += 1
        try:
            self._wake.set()
            while not self._closed:
                fresh = self._fresh
                if self._last is not None:
                    yield self._last
                await fresh.wait()
        finally:
            self._watchers -= 1

    def close(self) -> None:
        """Send every watcher home: the process ends."""
        self._closed = True
        self._fresh.set()

    async def _ask(self) -> StatusSnapshot:
        now = self._clock()
        async with self._pool.acquire() as connection:
            found = await read_status(connection, max_recipients=self._max_recipients)
            waits, oldest, limiter = figures(found)
            await samples.add(connection, waiting=waits, oldest=oldest, limiter=limiter)
            if now - self._pruned > PRUNE_EVERY:
                self._pruned = now
                await samples.prune(connection)
            if self._cohorts is None or now - self._cohorts[0] > COHORTS_EVERY:
                self._cohorts = now, await samples.cohorts(connection)
            return StatusSnapshot(self._clock(), found, await samples.since(connection, SPAN), self._cohorts[1])


class TooManyWatchers(Exception):
    """Nobody more can watch live; the pages themselves still work."""


def figures(found: StatusReport) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return what waits and how old the oldest is, by lane, and how much of each limit is used, by limit."""
    return (
        {line.lane: waiting(line) for line in found.lanes},
        {line.lane: round(line.oldest or 0.0, 1) for line in found.lanes},
        {line.name: round(line.used, 3) for line in found.limits},
    )


def waiting(line: LaneStatus) -> int:
    """Return the messages of a lane that could go or would, were they not held."""
    return line.states.get("ready", 0) + line.states.get("held", 0)
