"""The floors: what the machine itself can do, with nothing of ours in the way."""

import asyncio
import re
import shutil
import time
from uuid import uuid4

from gateway.bench.context import Bench, median, percentile
from gateway.bench.database import Database, sql
from gateway.bench.processes import child
from gateway.bench.rawclient import body
from gateway.bench.results import Better, Line, Measure, Result
from gateway.store.pool import connect

BATCH = 64
"""Rows that the bare claim takes at once: as many as a drain has requests in the air."""

TARGET_INSERT = 1.3


async def server_ceiling(bench: Bench) -> Line:
    """Show that the counting server is never the bottleneck: what `wrk` gets out of it."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return Line("counting server, by wrk", {}, failed="wrk is not installed (apt-get install wrk)")
    script = bench.folder / "post.lua"
    lines = ('wrk.method = "POST"', f"wrk.body = [==[{body(1).decode()}]==]", 'wrk.headers["Accept"] = "*/*"')
    script.write_text("\n".join(lines) + "\n")
    seconds = max(1, int(bench.scale.seconds / 4))
    command = [wrk, "-t1", f"-c{bench.concurrency}", f"-d{seconds}s", "-s", str(script), f"{bench.server.base}/v3/send"]
    async with child(command, bench.folder / "wrk.log", folder=bench.folder) as process:
        await process.wait(seconds + 30.0)
        found = re.search(r"Requests/sec:\s+([\d.]+)", process.log.read_text())
    await bench.server.reset()
    if found is None:
        return Line("counting server, by wrk", {}, failed=process.last_words())
    note = f"with its delay of {bench.delay * 1000:g} ms" if bench.delay else "with no delay"
    return Line(f"counting server, by wrk, {note}", {"rate": float(found[1])})


async def claim_and_finish(database: Database, rows: int) -> Line:
    """Claim and finish the same rows with two bare statements a batch: no request, no attempt, no limit, no HTTP."""
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


async def notify_wake(database: Database, probes: int) -> list[float]:
    """Return seconds from a commit's return to the callback of a bare LISTEN, each."""
    listener = await connect(database.dsn, purpose="bench listener")
    sender = await connect(database.dsn, purpose="bench sender")
    heard = asyncio.Event()
    when: list[float] = []

    def ring(*_: object) -> None:
        when.append(time.monotonic())
        heard.set()

    await listener.add_listener("bench", ring)
    waits = []
    try:
        for _ in range(probes):
            heard.clear()
            async with sender.transaction():
                await sender.execute("notify bench")
            committed = time.monotonic()
            await asyncio.wait_for(heard.wait(), 10.0)
            waits.append(max(0.0, when[-1] - committed))
            await asyncio.sleep(0.005)
    finally:
        await listener.close()
        await sender.close()
    return waits


async def inserts(bench: Bench) -> Result:
    """An application's INSERT, one a transaction, beside the same into a table with nothing but a key."""
    result = Result("insert")
    count = max(200, bench.scale.rows // 4)
    ratios, plain, ours = [], [], []
    async with bench.databases.fresh() as database:
        await database.run("bare_table")
        for _ in range(bench.scale.repeat):
            # In turns, so that a slow moment of the machine meets both.
            bare = await _inserted(database, "bare_insert", count)
            full = await _inserted(database, "insert", count)
            plain.append(bare)
            ours.append(full)
            ratios.append(full / bare)
    result.lines = [
        Line("bare INSERT", {"seconds": round(median(plain) / count, 7), "rate": round(count / median(plain), 1)}),
        Line(
            "INSERT INTO smsgw.outbox",
            {"seconds": round(median(ours) / count, 7), "rate": round(count / median(ours), 1)},
        ),
    ]
    result.measures = [Measure("application INSERT ÷ bare INSERT", median(ratios), "×", TARGET_INSERT, Better.LOWER)]
    return result


async def _inserted(database: Database, name: str, count: int) -> float:
    connection = await connect(database.dsn, purpose="bench application")
    try:
        statement = await connection.prepare(sql(name))
        await statement.fetch("+99900000000000", "a text of the usual length that tells of an order", "order_0")
        began = time.monotonic()
        for n in range(count):
            await statement.fetch(f"+999{n:011}", "a text of the usual length that tells of an order", f"order_{n}")
        return time.monotonic() - began
    finally:
        await connection.close()


async def floors(bench: Bench) -> Result:
    """What the machine can do at the most."""
    result = Result("floors")
    result.lines.append(await server_ceiling(bench))
    async with bench.databases.fresh() as database:
        result.lines.append(await claim_and_finish(database, bench.scale.rows))
        waits = await notify_wake(database, bench.scale.probes)
        result.lines.append(
            Line("bare NOTIFY wake", {"p50_ms": percentile(waits, 0.5) * 1e3, "p99_ms": percentile(waits, 0.99) * 1e3})
        )
    return result
