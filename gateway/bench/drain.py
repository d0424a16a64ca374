"""Sends a backlog: one message a request, and coalesced, compared with a bare client at the same concurrency."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from gateway.bench.context import Bench, median, middle
from gateway.bench.database import Cost, Database
from gateway.bench.processes import BenchError, Child, child, gateway
from gateway.bench.results import Better, Line, Measure, Result

TARGET_COALESCED = 15_000.0
TARGET_OF_RAW = 0.85
TARGET_COMMITS = 0.05
TARGET_WAL = 900.0


@dataclass(frozen=True, slots=True)
class Drained:
    """The result of one drain."""

    rate: float
    """Messages a second at the server, without the first tenth."""
    lost: int
    doubled: int
    requests: int
    cost: Cost
    messages: int
    cpu: float
    """Seconds of the sending processes."""
    memory: tuple[int, ...]
    """Bytes of the first sending process, sampled over the drain."""
    queries: float
    """Statements a message."""

    def values(self) -> dict[str, Any]:
        """Return the values of a line of a table."""
        return {
            "rate": round(self.rate, 1),
            "lost": self.lost,
            "doubled": self.doubled,
            "requests": self.requests,
            "cpu_us": round(self.cpu / max(self.messages, 1) * 1e6, 1),
            "queries": round(self.queries, 4),
            **self.cost.per(self.messages),
        }


async def drain(
    bench: Bench, database: Database, messages: int, *, processes: int = 1, fill: str | None = None, **settings: object
) -> Drained:
    """Start the daemon on a full outbox and wait until everything was sent and stored.

    With `fill`, the outbox is empty until every process is up, and then gets the messages of that lane at once.
    """
    await bench.server.reset()
    before = await database.cost()
    await database.forget_statements()
    memory: list[int] = []
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                gateway(
                    bench.folder,
                    database.dsn,
                    bench.server.base,
                    f"gateway{n}",
                    **({"concurrency": bench.concurrency} | settings),
                )
            )
            for n in range(processes)
        ]
        watching = asyncio.create_task(_watch(running[0], memory))
        if fill is not None:
            await await_replicas(database, processes)
            await database.run("fill", messages, fill, 0)
        await bench.server.await_messages(1, patience=bench.scale.patience, every=0.02)
        begun = sum(process.cpu() for process in running)
        stats = await bench.server.await_messages(messages, patience=bench.scale.patience)
        watching.cancel()
        cpu = sum(process.cpu() for process in running) - begun
    queries = await database.statements()
    state = await database.row("state")
    cost = (await database.cost()).since(before)
    return Drained(
        rate=stats.get("rate") or 0.0,
        lost=messages - min(stats["distinct"], state["accepted"]),
        doubled=stats["doubled"],
        requests=stats["requests"],
        cost=cost,
        messages=messages,
        cpu=cpu,
        memory=tuple(memory),
        queries=queries / messages,
    )


async def await_replicas(database: Database, processes: int) -> None:
    """Wait until this number of processes run, and a moment for their first poll of the outbox."""
    for _ in range(1200):
        if await database.value("replicas") >= processes:
            break
        await asyncio.sleep(0.1)
    else:
        raise BenchError("not every process started")
    await asyncio.sleep(1.0)


async def _watch(process: Child, memory: list[int]) -> None:
    while not process.ended:
        memory.append(process.memory())
        await asyncio.sleep(0.5)


async def raw_client(bench: Bench, requests: int) -> dict[str, Any]:
    """Post the same bytes to the same server at the same concurrency, and do nothing else."""
    await bench.server.reset()
    command = [
        sys.executable,
        "-m",
        "gateway.bench.rawclient",
        bench.server.base,
        str(requests),
        str(bench.concurrency),
    ]
    async with child(command, bench.folder / "rawclient.log", output=True) as process:
        used = await process.result(600.0)
    stats = await bench.server.stats()
    return {
        "rate": round(stats["rate"], 1),
        "lost": requests - stats["distinct"],
        "doubled": stats["doubled"],
        "cpu_us": round(used["cpu"] / requests * 1e6, 1),
    }


async def single(bench: Bench) -> Result:
    """One message a request, one process, alternating with runs of the bare client."""
    count, result = bench.scale.rows, Result("drain")
    raw: list[dict[str, Any]] = []
    ours: list[Drained] = []
    for _ in range(bench.scale.repeat):
        raw.append(await raw_client(bench, count))
        async with bench.filled(count, "bulk") as database:
            ours.append(await drain(bench, database, count, max_recipients=1))
    best = middle(ours, lambda run: run.rate)
    result.lines = [
        Line("bare aiohttp client", middle(raw, lambda one: float(one["rate"]))),
        Line("smsgw, one message a request", best.values()),
    ]
    ratio = median([one.rate / bare["rate"] for one, bare in zip(ours, raw, strict=True)])
    result.measures = [
        Measure("drain one by one ÷ bare client", ratio, "", TARGET_OF_RAW, Better.HIGHER),
        Measure("drain one by one", best.rate, "messages/s"),
        *_clean(ours),
    ]
    return result


async def coalesced(bench: Bench) -> Result:
    """Up to 500 messages a request, one process."""
    count, result = bench.scale.coalesced, Result("coalesced")
    ours: list[Drained] = []
    for _ in range(bench.scale.repeat):
        async with bench.filled(count, "default") as database:
            ours.append(await drain(bench, database, count, max_recipients=500))
    best = middle(ours, lambda run: run.rate)
    cost = best.cost.per(count)
    result.lines = [Line("smsgw, up to 500 a request", best.values())]
    result.measures = [
        Measure("drain coalesced", best.rate, "messages/s", TARGET_COALESCED, Better.HIGHER),
        Measure("commits a message, batched", cost["commits"], "", TARGET_COMMITS, Better.LOWER),
        Measure("WAL a message, batched", cost["wal_bytes"], "B", TARGET_WAL, Better.LOWER),
        *_clean(ours),
    ]
    return result


async def processes(bench: Bench) -> Result:
    """The same backlog by 1, 2, 4 and 8 processes: shows what saturates on a machine of few cores."""
    count, result = bench.scale.rows, Result("processes")
    for number in (1, 2, 4, 8):
        async with bench.filled(0, "bulk") as database:
            one = await drain(bench, database, count, processes=number, fill="bulk", max_recipients=1)
        result.lines.append(Line(f"{number} processes", {"processes": number, **one.values()}))
    rates = [line.values["rate"] for line in result.lines]
    result.measures = [
        Measure("2 → 4 processes", rates[2] / rates[1], "×", note="of one machine's cores, shared with all else"),
        Measure("1 → 8 processes", rates[3] / rates[0], "×", note="likewise"),
    ]
    return result


def _clean(runs: Sequence[Drained]) -> list[Measure]:
    """Return the values that must be zero."""
    wrong = sum(run.lost + run.doubled for run in runs)
    return [Measure("lost or doubled", float(wrong), note="of all runs")] if wrong else []
