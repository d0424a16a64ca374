"""Compares the gateway with other queues: the same rows, server and concurrency, alternating."""

from pathlib import Path
from typing import Any

import gateway
from gateway.bench.context import Bench
from gateway.bench.drain import drain, raw_client
from gateway.bench.peers.catalog import MODES, PEERS, Kind, Peer
from gateway.bench.peers.install import Installed, install
from gateway.bench.processes import BenchError, child
from gateway.bench.results import Better, Line, Measure, Result

TARGET_PYTHON = 2.0
TARGET_NODE = 1.0

LONGEST = 40.0
"""Seconds that a peer may send; enough to know the rate of the slow ones."""

PEERS_FOLDER = Path(".smsgw") / "peers"


async def peers(bench: Bench) -> Result:
    """Drain the same rows by every peer, default and tuned, and by the gateway before and after."""
    result, count = Result("peers"), bench.scale.peer_rows
    installed = await install(_peers_folder(), {peer.name for peer in PEERS})
    result.lines.append(Line("bare aiohttp client", await raw_client(bench, count)))
    ours = [await _gateway(bench, count)]
    for peer in PEERS:
        for mode in MODES:
            result.lines.append(await _contestant(bench, installed, peer, mode, count))
    ours.append(await _gateway(bench, count))
    best = max(ours, key=lambda values: float(values["rate"]))
    result.lines.insert(1, Line("smsgw", best))
    rate = sum(float(values["rate"]) for values in ours) / len(ours)
    for kind, target in ((Kind.PYTHON, TARGET_PYTHON), (Kind.NODE, TARGET_NODE)):
        name, fastest = _fastest(result, kind)
        result.measures.append(
            Measure(
                f"drain one by one ÷ best {kind} peer",
                rate / fastest if fastest else None,
                "×",
                target,
                Better.HIGHER,
                f"{name}; mean of one run of ours before and one after the peers",
            )
        )
    return result


def _peers_folder() -> Path:
    folder = PEERS_FOLDER.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fastest(result: Result, kind: Kind) -> tuple[str, float]:
    """Return the fastest without losses and duplicates."""
    names = {peer.name for peer in PEERS if peer.kind is kind}
    whole = [
        (line.name, float(line.values["rate"]))
        for line in result.lines
        if line.name.rpartition(",")[0] in names and not line.failed and not line.values["lost"]
    ]
    return max(whole, key=lambda one: one[1], default=("none ran", 0.0))


async def _gateway(bench: Bench, count: int) -> dict[str, Any]:
    async with bench.filled(count, "bulk") as database:
        return (await drain(bench, database, count, max_recipients=1)).values()


async def _contestant(bench: Bench, installed: Installed, peer: Peer, mode: str, count: int) -> Line:
    name = f"{peer.name}, {mode}"
    if peer.name in installed.missing:
        return Line(name, {}, failed=installed.missing[peer.name])
    try:
        return Line(name, await _measure(bench, installed, peer, mode, count))
    except (BenchError, OSError) as error:
        return Line(name, {}, failed=str(error))


async def _measure(bench: Bench, installed: Installed, peer: Peer, mode: str, count: int) -> dict[str, Any]:
    log = bench.folder / f"{peer.name}-{mode}.log"
    async with bench.databases.fresh(migrated=False) as database:
        environment = {
            "BENCH_DSN": database.dsn,
            "BENCH_URL": bench.server.base,
            "BENCH_ROWS": str(count),
            "BENCH_MODE": mode,
            "BENCH_CONCURRENCY": str(bench.concurrency),
            "BENCH_MODULES": str(installed.modules),
            # The adapters are part of this package; everything else comes from the peers' own environment.
            "PYTHONPATH": str(Path(gateway.__file__).parent.parent),
        }
        async with child(installed.command(peer, "enqueue"), log, environment=environment) as filling:
            code = await filling.wait(300.0)
            if code != 0:
                raise BenchError(f"could not enqueue: {filling.last_words()}")
        await database.settle()
        await bench.server.reset()
        before = await database.cost()
        await database.forget_statements()
        async with child(installed.command(peer, "work"), log, environment=environment) as working:
            stats = await bench.server.await_messages(count, patience=bench.scale.patience, limit=LONGEST)
            came = stats["distinct"]
            slow = came < count and not working.ended
            cpu = working.cpu() if not working.ended else 0.0
            if working.ended and stats["distinct"] < count:
                raise BenchError(f"ended early: {working.last_words()}")
        stats = await bench.server.stats()
        queries = await database.statements()
        cost = (await database.cost()).since(before)
    if not came:
        raise BenchError(f"sent nothing: {working.last_words()}")
    return {
        "rate": round(stats["rate"] or 0.0, 1),
        # Messages that were not sent within the time are not lost.
        "lost": 0 if slow else count - stats["distinct"],
        "unsent": count - stats["distinct"] if slow else 0,
        "doubled": stats["doubled"],
        "cpu_us": round(cpu / came * 1e6, 1),
        "queries": round(queries / came, 4),
        **cost.per(came),
    }
