"""The cost of a message by the size of its request, dead tuples under steady load, and the use of the limit."""

import asyncio
from typing import Any

from gateway.bench.context import Bench
from gateway.bench.database import Database
from gateway.bench.drain import drain
from gateway.bench.processes import gateway
from gateway.bench.results import Better, Line, Measure, Result

SIZES = (1, 5, 25, 100, 500)
STEADY_RATE = 200
"""Messages a second of the steady load."""

TARGET_WINDOW = 0.97
LIMIT, WINDOW, REPLICAS = 25, 15.0, 4


async def curves(bench: Bench) -> Result:
    """Queries, rows and WAL a message, by the size of a request."""
    result = Result("curves")
    for size in SIZES:
        count = bench.scale.rows if size == 1 else bench.scale.rows * 2
        async with bench.filled(count, "default") as database:
            # One claim takes as many messages as a request holds. Otherwise this backlog would never fill a request.
            one = await drain(
                bench,
                database,
                count,
                max_recipients=size,
                concurrency=max(4, min(bench.concurrency, count // size // 4)),
            )
        result.lines.append(Line(f"up to {size} a request", {"recipients": size, **one.values()}))
    return result


async def steady(bench: Bench) -> Result:
    """Dead tuples, bloat and WAL under steady load, with the default autovacuum."""
    result = Result("steady")
    async with (
        bench.filled(0, "default") as database,
        gateway(bench.folder, database.dsn, bench.server.base, concurrency=bench.concurrency, max_recipients=1),
    ):
        ticks = max(2, int(bench.scale.steady * 2))
        sent = 0
        for tick in range(ticks):
            await database.run("fill", STEADY_RATE // 2, "default", sent)
            sent += STEADY_RATE // 2
            if tick % max(1, ticks // 12) == 0:
                result.lines.append(Line(f"{tick / 2:g} s", {"seconds": tick / 2, **await _dead(database)}))
            await asyncio.sleep(0.5)
        stats = await bench.server.await_messages(sent, patience=bench.scale.patience)
        result.lines.append(Line("end", {"seconds": ticks / 2, **await _dead(database)}))
    note = f"{STEADY_RATE} messages/s for {bench.scale.steady:,.0f} s"
    last = result.lines[-1].values
    result.measures = [
        Measure("dead tuples of the hot tables, at the end", float(last["dead_share"]), "of live", note=note),
        *([Measure("lost", float(sent - stats["distinct"]))] if stats["distinct"] != sent else []),
    ]
    return result


async def _dead(database: Database) -> dict[str, float]:
    row = await database.row("dead")
    return {name: float(value or 0) for name, value in row.items()}


async def window(bench: Bench) -> Result:
    """The use of the provider's limit by four replicas, and the fullest window."""
    result, seconds = Result("window"), bench.scale.window
    if not seconds:
        result.failed = "takes a window's time; it is part of the full set"
        return result
    settings: dict[str, Any] = {
        "request_limit": LIMIT,
        "request_window": f"{WINDOW:g}s",
        "request_spare": 0,
        "max_recipients": 1,
    }
    async with bench.filled(int(seconds * LIMIT), "bulk") as database:
        async with asyncio.TaskGroup() as group:
            for n in range(REPLICAS):
                group.create_task(_replica(bench, database, n, seconds, settings))
        requests = (await bench.server.get("/requests"))["requests"]
    times = [float(when) for when, _ in requests]
    within = sum(1 for when in times if when <= times[0] + seconds)
    fullest = max(sum(1 for other in times if when <= other < when + WINDOW) for when in times)
    # The whole allowance at once, and then the same number in each window.
    allowed = int(LIMIT * (1 + seconds / WINDOW))
    result.lines = [Line("4 replicas", {"requests": within, "allowed": allowed, "fullest_window": fullest})]
    result.measures = [
        Measure(
            f"use of {LIMIT}/{WINDOW:g} s by {REPLICAS} replicas", within / allowed, "", TARGET_WINDOW, Better.HIGHER
        ),
        Measure("fullest window", float(fullest), "requests", float(LIMIT), Better.LOWER),
    ]
    return result


async def _replica(bench: Bench, database: Database, n: int, seconds: float, settings: dict[str, Any]) -> None:
    async with gateway(bench.folder, database.dsn, bench.server.base, f"replica{n}", **settings):
        await bench.server.await_messages(1, patience=bench.scale.patience)
        await asyncio.sleep(seconds + 1.0)
