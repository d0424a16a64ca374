"""Failovers during a run: traffic before, during and after them, then the checker of tests/chaos."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.checker import check
from chaos.evidence import read_ledger
from chaos.plan import Options
from chaos.run import Run, keep_all, settle, suppress, write
from chaos.traffic import Traffic
from chaos.world import World
from ha.children import until

from gateway.store.migrate import migrate

CALM = 4.0
"""Seconds of traffic without events, before and between them."""

SOON = 60.0
"""Seconds in which sending must go on after the new primary takes writes. Far more than it takes: a process that needs
a restart or a person does not go on at all."""

Event = Callable[[], Awaitable[float]]
"""Does it, and returns when, by the time of day, the database took writes again."""


@dataclass(frozen=True, slots=True)
class Outage:
    """One event and how long sending stopped."""

    name: str
    database: float
    """Seconds from the event until some server took writes."""
    resumed: float
    """Seconds from then until the next text left."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A run and its outages."""

    run: Run
    outages: tuple[Outage, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or doubled and sending went on soon, by itself."""
        return self.run.clean and all(outage.resumed < SOON for outage in self.outages)


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder on a real disk that every user may pass through."""
    with tempfile.TemporaryDirectory(prefix="smsgw-ha-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


async def prove(
    place: Path,
    dsn: str,
    events: Sequence[tuple[str, Event]],
    *,
    seed: int = 1,
    direct: str | None = None,
    application: str | None = None,
    keep: Path | None = None,
) -> Proof:
    """Run two replicas on `dsn` through the events.

    `direct` is the way past a pooler, `application` the way that the applications go, each `dsn` where not given.
    """
    options = Options(seed, replicas=2, rate=25.0, patience=120.0)
    world = World(options, place)
    past = direct or dsn
    await migrate(past)
    await suppress(past)
    loop = asyncio.get_running_loop()
    traffic = Traffic(application or past, seed, options.rate)
    supervisor = asyncio.create_task(world.supervise())
    try:
        await world.start(dsn, **({} if direct is None else {"listen_url": direct}))
        await world.all_ready()
        inserting = asyncio.create_task(traffic.run(600.0))
        outages = [await _outage(world, name, event) for name, event in events]
        await asyncio.sleep(CALM)
        traffic.stopped = True
        await inserting
        calm = loop.time()
        world.dsn = past
        evidence, stats = await settle(world, traffic, options.patience)
        report = check(evidence)
        run = Run(options, evidence, report, Counter(), stats, loop.time() - calm, None, tuple(traffic.broken))
        proof = Proof(run, tuple(outages))
        if keep is not None and not proof.clean:
            await keep_all(world, keep)
        return proof
    except BaseException:
        if keep is not None:
            write(world, keep, {})
        raise
    finally:
        supervisor.cancel()
        await world.stop()


async def _outage(world: World, name: str, event: Event) -> Outage:
    await asyncio.sleep(CALM)
    began = time.time()
    writes = await event()

    async def left() -> bool:
        return any(text > writes for text in sent_at(world))

    await until(left, f"{name}: a text after it", 60.0)
    return Outage(name, writes - began, min(text for text in sent_at(world) if text > writes) - writes)


def sent_at(world: World) -> list[float]:
    """Return when each text left so far."""
    return [text.sent_at for text in read_ledger(world.ledger)[0]]


def lines(proof: Proof) -> list[tuple[str, str]]:
    """Return the outages as rows of a table."""
    return [
        (outage.name, f"no primary for {outage.database:.1f} s, sending again {outage.resumed:.1f} s later")
        for outage in proof.outages
    ]
