"""Injects the faults: carries out each event of the plan and ends it again."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
from chaos.plan import CALM, Event, Kind
from chaos.traffic import FAILURES
from chaos.world import Replica, Server, World

from gateway.store import lanes, pauses
from gateway.store.pauses import Scope
from gateway.store.pool import set_codecs

BALLAST = 64 * 1024
WHO = "chaos"


class Faults:
    """Carries out the plan and counts what it did."""

    def __init__(self, world: World, server: Server, *, disk: bool | None) -> None:
        self._world = world
        self._postgres = server
        self._small = disk
        self._server = asyncio.Lock()
        """Held during a fault of Postgres, so that two do not overlap."""
        self.counts: Counter[str] = Counter()
        self._inject: dict[Kind, Callable[[Event], Awaitable[None]]] = {
            Kind.KILL: self._kill,
            Kind.STOP: self._stop,
            Kind.CUT: self._cut,
            Kind.CRASH: self._crash,
            Kind.DISK: self._disk,
            Kind.CLOCK: self._clock,
            Kind.PROVIDER: self._provider,
            Kind.OPERATOR: self._operator,
        }

    async def run(self, events: list[Event]) -> None:
        """Inject every fault at its time; return when the last one has ended."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for event in events:
                group.create_task(self._at(began + event.at, event))

    async def _at(self, moment: float, event: Event) -> None:
        await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
        await self._inject[event.kind](event)

    async def _kill(self, event: Event) -> None:
        replica = self._world.replicas[event.what["replica"]]
        async with replica.busy:
            replica.send(signal.SIGKILL)
            process = replica.gateway.process.process
            assert process is not None
            await process.wait()
            self.counts["kills"] += 1
            await asyncio.sleep(event.length)
            await replica.gateway.start(ready=False)

    async def _stop(self, event: Event) -> None:
        """Stop a replica for longer than a lease. Another event may kill it during that time."""
        replica: Replica = self._world.replicas[event.what["replica"]]
        if not replica.running or replica.busy.locked():
            return
        replica.send(signal.SIGSTOP)
        self.counts["stops"] += 1
        await asyncio.sleep(event.length)
        replica.send(signal.SIGCONT)

    async def _cut(self, event: Event) -> None:
        # A server that is down has no sessions to cut.
        with contextlib.suppress(*FAILURES):
            async with self._connected() as connection:
                self.counts["backends cut"] += await connection.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                    "where pid <> pg_backend_pid() and backend_type = 'client backend' and random() < $1",
                    event.what["share"],
                )

    async def _crash(self, event: Event) -> None:
        async with self._server:
            await self._postgres.crash(signal.Signals[event.what["signal"]])
            self.counts["Postgres crashes"] += 1
            await asyncio.sleep(event.length)
            await self._postgres.start()

    async def _disk(self, event: Event) -> None:
        """Fill the disk for a while, then free it. A server that ended because of it is started again."""
        if not self._small:
            return
        ballast = self._postgres.folder / "ballast"
        async with self._server:
            end = asyncio.get_running_loop().time() + event.length
            while asyncio.get_running_loop().time() < end:
                _fill(ballast)
                await asyncio.sleep(0.05)
            ballast.unlink()
            self.counts["disks filled"] += 1
            # It may be shutting down.
            await asyncio.sleep(1.0)
            if not self._postgres.running:
                self.counts["Postgres crashes"] += 1
                await self._postgres.crash(signal.SIGKILL)
                await self._postgres.start()

    async def _clock(self, event: Event) -> None:
        self._world.replicas[event.what["replica"]].step(event.what["offset"])
        self.counts["clock steps"] += 1

    async def _provider(self, event: Event) -> None:
        """Let the provider misbehave for a while. Periods overlap; the first one that ends makes it behave again."""
        await self._behave(event.what["plan"], event.what["knobs"])
        self.counts["provider fault periods"] += 1
        await asyncio.sleep(event.length)
        await self._behave()
        # 401, 402 and an account-level 403 pause the route until an operator resumes it.
        await self._retry(lambda c: pauses.resume(c, Scope.ROUTE, "mta", made_by="gateway"))

    async def _behave(self, plan: dict[str, Any] | None = None, knobs: dict[str, Any] | None = None) -> None:
        """Give the provider a plan of faults, by default none; count what the last plan did."""
        simulator = self._world.simulator
        assert simulator is not None
        struck = (await simulator.get("faults"))["struck"]
        self.counts["faults struck"] += sum(struck.values())
        await simulator.misbehave(**(plan or {}))
        await simulator.change(**(CALM | (knobs or {})))

    async def _operator(self, event: Event) -> None:
        self.counts["operator actions"] += 1
        if "pause" in event.what:
            scope, subject = event.what["pause"]
            kind = Scope(scope)
            await self._retry(
                lambda c: pauses.pause(c, kind, subject, actor=WHO, reason="chaos: inspection", seconds=None)
            )
            await asyncio.sleep(event.length)
            await self._retry(lambda c: pauses.resume(c, kind, subject, made_by=WHO))
        else:
            name, values = event.what["lane"]
            await self._retry(lambda c: lanes.change(c, name, values))

    async def calm(self) -> None:
        """End everything that may still stop or slow a replica."""
        await self._behave()
        for replica in self._world.replicas:
            replica.send(signal.SIGCONT)
        await self._retry(lambda c: c.execute("delete from smsgw.pause"))

    async def _retry(self, work: Callable[[Any], Awaitable[Any]]) -> None:
        """Try until the database is back, as an operator would."""
        while True:
            try:
                async with asyncio.timeout(10.0), self._connected() as connection:
                    await work(connection)
                    return
            except FAILURES:
                await asyncio.sleep(0.2)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """Give a connection; raise while the server is down."""
        connection: Any = await asyncpg.connect(self._postgres.dsn, timeout=3.0)
        try:
            await set_codecs(connection)
            yield connection
        finally:
            connection.terminate()


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    try:
        with path.open("ab", buffering=0) as file:
            while os.write(file.fileno(), b"\0" * BALLAST):
                continue
    except OSError:
        return
