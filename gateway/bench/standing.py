"""The cost of what is there: finished rows, dead tuples, a million waiting messages, an idle gateway."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.bench.context import Bench, median, middle
from gateway.bench.database import Database
from gateway.bench.drain import Drained, await_replicas, drain
from gateway.bench.processes import BenchError, gateway
from gateway.bench.results import Better, Line, Measure, Result
from gateway.store.pool import connect

TARGET_HISTORY = 0.95
TARGET_SNAPSHOT = 0.8
TARGET_CPU = 0.5
"""Per cent of a core."""
TARGET_QUERIES = 2.0
"""A second."""
TARGET_MEMORY = 120.0
"""Megabytes."""

FINISHED_AT_ONCE = 100_000
FIRST_FINISHED = 90_000_000_000


async def history(bench: Bench) -> Result:
    """Drain with a long history and with none, alternating."""
    result, count = Result("history"), bench.scale.rows
    async with bench.databases.fresh() as long, bench.databases.fresh() as empty:
        for start in range(0, bench.scale.history, FINISHED_AT_ONCE):
            size = min(FINISHED_AT_ONCE, bench.scale.history - start)
            await long.run("finished", size, FIRST_FINISHED + start)
        await long.settle()
        with_rows: list[Drained] = []
        without: list[Drained] = []
        ratios = []
        for turn in range(bench.scale.repeat):
            for database, runs in ((long, with_rows), (empty, without)):
                runs.append(await _one_drain(bench, database, count, turn))
            ratios.append(with_rows[-1].rate / without[-1].rate)
    result.lines = [
        Line(f"with {bench.scale.history:,} finished rows", middle(with_rows, lambda run: run.rate).values()),
        Line("with none", middle(without, lambda run: run.rate).values()),
    ]
    note = f"{bench.scale.history:,} finished rows"
    result.measures = [
        Measure("drain with a history ÷ without", median(ratios), "", TARGET_HISTORY, Better.HIGHER, note)
    ]
    return result


async def snapshot(bench: Bench) -> Result:
    """Drain with and without a transaction whose snapshot keeps vacuum from removing rows."""
    result, count = Result("snapshot"), bench.scale.rows
    held, free, ratios, dead = [], [], [], 0
    async with bench.databases.fresh() as pinned, bench.databases.fresh() as clean, _held_snapshot(pinned):
        # The gateway's own work makes the dead tuples, coalesced to be faster.
        await pinned.run("fill", bench.scale.dead, "default", FIRST_FINISHED)
        await drain(bench, pinned, bench.scale.dead, max_recipients=500)
        for turn in range(bench.scale.repeat):
            held.append(await _one_drain(bench, pinned, count, turn))
            dead = max(dead, held[-1].cost.dead)
            free.append(await _one_drain(bench, clean, count, turn))
            ratios.append(held[-1].rate / free[-1].rate)
    result.lines = [
        Line(f"a snapshot held, {dead:,} dead tuples", middle(held, lambda run: run.rate).values()),
        Line("no snapshot held", middle(free, lambda run: run.rate).values()),
    ]
    note = f"{dead:,} dead tuples"
    result.measures = [
        Measure("drain under a held snapshot ÷ without", median(ratios), "", TARGET_SNAPSHOT, Better.HIGHER, note)
    ]
    return result


async def _one_drain(bench: Bench, database: Database, count: int, turn: int) -> Drained:
    await database.run("fill", count, "bulk", turn * count)
    await database.run("analyze")
    return await drain(bench, database, count, max_recipients=1)


@asynccontextmanager
async def _held_snapshot(database: Database) -> AsyncIterator[None]:
    holder = await connect(database.dsn, purpose="bench holder", settings={"idle_in_transaction_session_timeout": "0"})
    try:
        async with holder.transaction(isolation="repeatable_read"):
            await holder.fetchval("select true")
            yield
    finally:
        await holder.close()


async def idle(bench: Bench) -> Result:
    """A gateway with nothing to do: processor time and statements."""
    result = Result("idle")
    async with (
        bench.filled(0, "default") as database,
        gateway(bench.folder, database.dsn, bench.server.base) as process,
    ):
        await await_replicas(database, 1)
        await asyncio.sleep(min(5.0, bench.scale.seconds))
        await database.forget_statements()
        began, cpu = time.monotonic(), process.cpu()
        await asyncio.sleep(bench.scale.seconds)
        seconds = time.monotonic() - began
        used = (process.cpu() - cpu) / seconds * 100.0
        queries = await database.statements() / seconds
        memory = process.memory() / 1e6
    result.lines = [Line("idle", {"cpu_percent": used, "queries_per_second": queries, "memory_mb": memory})]
    result.measures = [
        Measure("idle: share of a core", used, "%", TARGET_CPU, Better.LOWER),
        Measure("idle: queries", queries, "/s", TARGET_QUERIES, Better.LOWER),
    ]
    return result


async def memory(bench: Bench) -> Result:
    """Resident memory with a large backlog, at the start and over the drain of a part of it."""
    result, backlog = Result("memory"), bench.scale.backlog
    async with (
        bench.filled(backlog, "default") as database,
        gateway(bench.folder, database.dsn, bench.server.base, concurrency=bench.concurrency) as process,
    ):
        await bench.server.await_messages(1, patience=bench.scale.patience, every=0.02)
        samples: list[int] = []
        done = asyncio.create_task(bench.server.await_messages(backlog, patience=bench.scale.patience))
        while not done.done():
            samples.append(process.memory())
            await asyncio.sleep(0.5)
        stats = await done
        samples.append(process.memory())
        waiting = await database.value("waiting")
    if waiting or stats["distinct"] < backlog:
        raise BenchError(f"{stats['distinct']:,} of {backlog:,} messages were sent")
    # The first claims bring the process to its working size. Growth after that would be a leak.
    steady = samples[len(samples) // 5 :]
    highest, growth = max(steady) / 1e6, (steady[-1] - steady[0]) / 1e6
    result.lines = [
        Line(
            f"{backlog:,} waiting, coalesced drain",
            {"highest_mb": highest, "growth_mb": growth, "sent": stats["distinct"], "doubled": stats["doubled"]},
        )
    ]
    note = f"{backlog:,} waiting; {growth:+.1f} MB over the last four fifths of the drain"
    result.measures = [Measure("resident memory over the drain", highest, "MB", TARGET_MEMORY, Better.LOWER, note)]
    return result
