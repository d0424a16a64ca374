"""What every benchmark gets: sizes, a Postgres, the counting server, a folder."""

import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.bench.database import Database, Databases
from gateway.bench.processes import Server

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is sent and how often. A ratio of small numbers is noise."""

    name: str
    rows: int
    """Messages of a drain with one message a request."""
    coalesced: int
    """Messages of a drain with up to 500 a request."""
    repeat: int
    """Runs, of which the median counts."""
    backlog: int
    """Waiting bulk messages, for the benchmarks of login codes and of memory."""
    history: int
    """Finished messages."""
    dead: int
    """Dead tuples behind a pinned snapshot."""
    probes: int
    """Single messages whose latency is measured."""
    seconds: float
    """Seconds of measuring an idle gateway."""
    window: float
    """Seconds of sending at the provider's limit."""
    steady: float
    """Seconds of steady load."""
    peer_rows: int
    patience: float = 20.0
    """Seconds without progress after which a drain has failed."""


SCALES = {
    scale.name: scale
    for scale in (
        Scale("tiny", 200, 1000, 1, 2000, 2000, 2000, 8, 1.0, 0.0, 6.0, 100),
        Scale("short", 8000, 100_000, 3, 100_000, 300_000, 200_000, 100, 10.0, 75.0, 300.0, 3000),
        Scale("full", 20_000, 200_000, 3, 1_000_000, 1_000_000, 200_000, 200, 20.0, 75.0, 3600.0, 3000),
    )
}


@dataclass(frozen=True, slots=True)
class Bench:
    """One run."""

    scale: Scale
    databases: Databases
    server: Server
    folder: Path
    concurrency: int
    delay: float
    """Seconds until the server answers."""

    @asynccontextmanager
    async def filled(self, count: int, lane: str) -> AsyncIterator[Database]:
        """Give a database with waiting messages of a lane, and a server that has seen none of them."""
        async with self.databases.fresh() as database:
            if count:
                await database.run("fill", count, lane, 0)
            await database.settle()
            await self.server.reset()
            yield database


def median(values: Sequence[float]) -> float:
    """Return the middle of several runs."""
    return statistics.median(values)


def middle(runs: Sequence[T], rate: Callable[[T], float]) -> T:
    """Return the run whose rate is the median; of an even number, the faster of the two."""
    return sorted(runs, key=rate)[len(runs) // 2]


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile; of few values, the nearest value above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
