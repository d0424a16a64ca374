"""Lower bounds: what the machine can do without the gateway."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from asyncpg.prepared_stmt import PreparedStatement

from gateway.bench.context import Bench, median, percentile
from gateway.bench.database import Database, sql
from gateway.bench.processes import BenchError, child, server
from gateway.bench.rawclient import body
from gateway.bench.results import Better, Line, Measure, Result
from gateway.store.pool import connect

BATCH = 64
"""Rows that the bare claim takes at once: as many as a drain has requests in flight."""

ROWS_A_TURN = 50

TARGET_INSERT = 1.3


async def server_ceiling(bench: Bench) -> Line:
    """Show that the counting server is not the bottleneck: its rate under `wrk`, without a delay."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return Line("counting server, by wrk", {}, failed="wrk is not installed (apt-get install wrk)")
    script = bench.folder / "post.lua"
    lines = ('wrk.method = "POST"', f"wrk.body = [==[{body(1).decode()}]==]", 'wrk.headers["Accept"] = "*/*"')
    script.write_text("\n".join(lines) + "\n")
    seconds = max(1, int(bench.scale.seconds / 4))
    async with server(bench.folder, delay=0.0) as counting:
        command = [wrk, "-t1", f"-c{bench.concurrency}", f"-d{seconds}s", "-s", str(script), f"{counting.base}/v3/send"]
        async with child(command, bench.folder / "wrk.log", folder=bench.folder) as process:
            await process.wait(seconds + 30.0)
        found = re.search(r"Requests/sec:\s+([\d.]+)", process.log.read_text())
    if found is None:
        return Line("counting server, by wrk", {}, failed=process.last_words())
    return Line("counting server, by wrk, with no delay", {"rate": float(found[1])})


async def claim_and_finish(database: Database, rows: int) -> Line:
    """Claim and complete the same rows with two bare statements a batch: no request, no attempt, no limit, no HTTP."""
    await database.run("bare_table")
    await database.run("bare_fill", rows)
    connection = await connect(database.dsn, purpose="bench floor")
    claim, finish = await connection.prepare(sql("bare_claim")), await connection.prepare(sql("bare_finish"))
    began = time.monotonic()
    try:
        while found := await claim.fetch(BATCH, uuid4()):
            await finish.fetch([row["id"] for row in found])
    finally:
        await connection.close()
    return Line("bare claim and finish", {"rate": round(rows / (time.monotonic() - began), 1)})


async def notify_wake(database: Database, folder: Path, probes: int) -> list[float]:
    """Return the seconds from each commit to the callback of a bare LISTEN in another process."""
    command = [sys.executable, "-m", "gateway.bench.listener", database.dsn]
    sender = await connect(database.dsn, purpose="bench sender")
    committed = []
    try:
        async with child(command, folder / "listener.log", output=True) as listener:
            if await listener.line() != "listening":
                raise BenchError(f"the listener did not start: {listener.last_words()}")
            for _ in range(probes):
                async with sender.transaction():
                    await sender.execute("notify bench")
                committed.append(time.monotonic())
                await asyncio.sleep(0.01)
            await sender.execute("notify bench, 'end'")
            heard = (await listener.result(10.0))["heard"]
    finally:
        await sender.close()
    if len(heard) != probes:
        raise BenchError(f"{len(heard)} of {probes} notifications were heard")
    return [max(0.0, when - since) for when, since in zip(heard, committed, strict=True)]


async def inserts(bench: Bench) -> Result:
    """An application's INSERT, one a transaction, compared with one into a table with only a primary key."""
    result = Result("insert")
    turns = max(2, bench.scale.rows * bench.scale.repeat // (4 * ROWS_A_TURN))
    plain, ours = [], []
    async with bench.databases.fresh() as database:
        await database.run("bare_table")
        async with _application(database, "bare_insert") as bare, _application(database, "insert") as full:
            for turn in range(turns):
                # In short alternating rounds, so that a slow disk affects both.
                plain.append(await _inserted(bare, turn))
                ours.append(await _inserted(full, turn))
    result.lines = [
        Line("bare INSERT", {"seconds": round(median(plain), 7), "rate": round(1.0 / median(plain), 1)}),
        Line("INSERT INTO smsgw.outbox", {"seconds": round(median(ours), 7), "rate": round(1.0 / median(ours), 1)}),
    ]
    ratio = median([full / bare for bare, full in zip(plain, ours, strict=True)])
    note = f"{turns} turns of {ROWS_A_TURN} rows"
    result.measures = [Measure("application INSERT ÷ bare INSERT", ratio, "×", TARGET_INSERT, Better.LOWER, note)]
    return result


@asynccontextmanager
async def _application(database: Database, name: str) -> AsyncIterator[PreparedStatement]:
    connection = await connect(database.dsn, purpose="bench application")
    try:
        yield await connection.prepare(sql(name))
    finally:
        await connection.close()


async def _inserted(statement: PreparedStatement, turn: int) -> float:
    """Return the seconds that a row took."""
    began = time.monotonic()
    for n in range(turn * ROWS_A_TURN, (turn + 1) * ROWS_A_TURN):
        await statement.fetch(f"+999{n:011}", "a text of the usual length that tells of an order", f"order_{n}")
    return (time.monotonic() - began) / ROWS_A_TURN


async def floors(bench: Bench) -> Result:
    """The most that the machine can do."""
    result = Result("floors")
    result.lines.append(await server_ceiling(bench))
    async with bench.databases.fresh() as database:
        result.lines.append(await claim_and_finish(database, bench.scale.rows))
        waits = await notify_wake(database, bench.folder, bench.scale.probes)
        result.lines.append(
            Line("bare NOTIFY wake", {"p50_ms": percentile(waits, 0.5) * 1e3, "p99_ms": percentile(waits, 0.99) * 1e3})
        )
    return result
