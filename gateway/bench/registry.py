"""Every benchmark by name. Those outside the short set take minutes or need downloads."""

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import gateway
from gateway.bench import curves, drain, floors, latency, receipts, standing
from gateway.bench.context import Bench, Scale
from gateway.bench.database import databases
from gateway.bench.peers import contest
from gateway.bench.processes import BenchError, server
from gateway.bench.results import Report, Result


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One question."""

    name: str
    about: str
    run: Callable[[Bench], Awaitable[Result]]
    short: bool = True
    """Part of the short set."""


BENCHMARKS = (
    Benchmark("floors", "what the machine can do with nothing of ours in the way", floors.floors),
    Benchmark("drain", "a backlog, one message a request, and a bare client", drain.single),
    Benchmark("coalesced", "a backlog, up to 500 messages a request", drain.coalesced),
    Benchmark("wake", "a single message of an idle gateway, and a bare NOTIFY", latency.wake),
    Benchmark("otp", "a login code behind a campaign, limiter full", latency.urgent),
    Benchmark("history", "a backlog with finished rows, and without", standing.history),
    Benchmark("snapshot", "a backlog while vacuum can remove nothing", standing.snapshot),
    Benchmark("receipts", "durable receipts, and a handler that only checks the signature", receipts.receipts),
    Benchmark("insert", "the application's INSERT, and a bare one", floors.inserts),
    Benchmark("idle", "processor time and statements with nothing to do", standing.idle),
    Benchmark("memory", "resident memory over a large drain", standing.memory),
    Benchmark("processes", "1, 2, 4 and 8 processes on one backlog", drain.processes),
    Benchmark("curves", "what a message costs, by the size of a request", curves.curves),
    Benchmark("steady", "dead tuples under steady load", curves.steady, short=False),
    Benchmark("window", "use of the provider's limit by four replicas", curves.window, short=False),
    Benchmark("peers", "other queues on the same rows; installs them into .smsgw/peers", contest.peers, short=False),
)
"""A new one is one line here: a function from `Bench` to `Result`."""


def chosen(names: Sequence[str], scale: Scale) -> list[Benchmark]:
    """Return the benchmarks of these names, or the set of the scale; raises `BenchError` for an unknown name."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchError(f"no benchmark is named {unknown[0]}; there are: {', '.join(known)}")
    if names:
        return [known[name] for name in names]
    return [benchmark for benchmark in BENCHMARKS if benchmark.short or scale.name == "full"]


async def run(
    benchmarks: Sequence[Benchmark],
    scale: Scale,
    *,
    concurrency: int,
    delay: float,
    command: str,
    tell: Callable[[Report], None],
) -> Report:
    """Run benchmarks one after another on one Postgres. The result of a failed one says why; the others continue.

    `tell` hears of the report after each, so that a run that is cut off has not been for nothing.
    """
    with _folder() as folder:
        async with databases(folder) as made, server(folder, delay=delay) as counting:
            bench = Bench(scale, made, counting, folder, concurrency, delay)
            report = Report(_machine(made.version, concurrency, delay), asdict(scale))
            for benchmark in benchmarks:
                result = await measure(benchmark, bench, command)
                report.results.append(result)
                tell(report)
    return report


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that the user of Postgres can read, and delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="smsgw-bench-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


async def measure(benchmark: Benchmark, bench: Bench, command: str) -> Result:
    """Run one. An error is reported in its result."""
    began, load = time.monotonic(), os.getloadavg()[0]
    try:
        result = await benchmark.run(bench)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  an error of one benchmark must not lose the results of the others
        result = Result(benchmark.name, failed=f"{type(error).__name__}: {error}")
    result.command, result.load = command, round(load, 1)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _machine(postgres: str, concurrency: int, delay: float) -> dict[str, object]:
    """Return a description of the machine that does not identify it."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "gateway": gateway.__version__,
        "concurrency": concurrency,
        "delay_ms": delay * 1000.0,
    }
