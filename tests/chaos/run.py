"""One run, from the first process to the result."""

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from chaos.checker import Report, check, unsettled
from chaos.evidence import Commit, Evidence, Window, gather
from chaos.faults import Faults
from chaos.plan import SEND_LIMIT, Options, schedule
from chaos.traffic import FAILURES, SUPPRESSED, Traffic
from chaos.world import Server, World, running

AREAS = range(201, 990)
TABLES = ("outbox", "request", "attempt", "receipt", "pause", "bucket", "route", "lane", "fair_share")


@dataclass(frozen=True, slots=True)
class Run:
    """A run and its result."""

    options: Options
    evidence: Evidence
    report: Report
    faults: Counter[str]
    stats: dict[str, Any]
    settled_after: float
    """Seconds from the end of the last fault until no row changed any more."""
    disk: bool | None
    """Whether a small file system could be mounted; None where it was not wanted."""
    broken: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether every invariant holds."""
        return self.report.clean and not self.broken


async def run(options: Options, keep: Path | None = None) -> Run:
    """Run once. With `keep`, a run that is not clean or did not end leaves its logs and its ledger there."""
    async with running(options) as (world, server, disk):
        try:
            done = await _run(world, server, disk=disk)
        except BaseException:
            if keep is not None:
                write(world, keep, {})
            raise
        if keep is not None and not done.clean:
            await keep_all(world, keep)
        return done


async def _run(world: World, server: Server, *, disk: bool | None) -> Run:
    options = world.options
    await suppress(server.dsn)
    traffic = Traffic(server.dsn, options.seed, options.rate)
    faults = Faults(world, server, disk=disk)
    loop = asyncio.get_running_loop()
    supervisor = asyncio.create_task(world.supervise())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.run(options.seconds))
            group.create_task(faults.run(schedule(options)))
        await faults.calm()
        calm = loop.time()
        evidence, stats = await settle(world, traffic, options.patience)
    finally:
        supervisor.cancel()
    report = check(evidence)
    return Run(options, evidence, report, faults.counts, stats, loop.time() - calm, disk, tuple(traffic.broken))


async def settle(world: World, traffic: Traffic, patience: float) -> tuple[Evidence, dict[str, Any]]:
    """Wait until no row changes any more, at most `patience` seconds; return what is then known."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while True:
        evidence, stats = await _read(world, traffic)
        if evidence is not None and (not unsettled(evidence) or loop.time() > end):
            return evidence, stats
        await asyncio.sleep(1.0)


async def _read(world: World, traffic: Traffic) -> tuple[Evidence | None, dict[str, Any]]:
    assert world.simulator is not None
    try:
        connection: Any = await asyncpg.connect(world.dsn, timeout=5.0)
    except FAILURES:
        return None, {}
    try:
        stats = await world.simulator.get("stats")
        window = Window(SEND_LIMIT, stats["fullest_window"], stats["refused_429"])
        evidence = await gather(
            connection, submissions=traffic.submissions.values(), ledger=world.ledger, window=window, ended=world.ended
        )
    finally:
        await connection.close()
    return evidence, stats


async def suppress(dsn: str) -> None:
    """Put the numbers that must not get messages on the suppression list."""
    connection: Any = await asyncpg.connect(dsn)
    numbers = [f"+1{area}55501{SUPPRESSED}" for area in AREAS]
    await connection.execute(
        "insert into smsgw.suppression (number, source, reason) select n, 'import', 'asked before' "
        "from unnest($1::text[]) as n",
        numbers,
    )
    await connection.close()


async def keep_all(world: World, keep: Path) -> None:
    """Keep the logs, the ledger, and every table as JSON, one row a line."""
    connection: Any = await asyncpg.connect(world.dsn, timeout=5.0)
    tables = {}
    for name in TABLES:
        rows = await connection.fetch(f"select row_to_json(t)::text as line from smsgw.{name} as t")
        tables[name] = "\n".join(row["line"] for row in rows)
    await connection.close()
    await asyncio.to_thread(write, world, keep, tables)


def write(world: World, keep: Path, tables: dict[str, str]) -> None:
    """Copy the logs and the ledger, and write the tables."""
    keep.mkdir(parents=True, exist_ok=True)
    for path in [*world.folder.glob("*.log"), world.ledger, world.folder / "state" / "postgres.log"]:
        if path.exists():
            shutil.copy(path, keep / path.name)
    for name, lines in tables.items():
        (keep / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def table(done: Run) -> list[tuple[str, str]]:
    """Return the run as rows of a table: what was done and what was found."""
    commits = Counter(submission.commit for submission in done.evidence.submissions.values())
    violations = Counter(found.invariant for found in done.report.violations)
    rows = [
        ("seed", f"{done.options.seed}"),
        ("seconds, and to settle", f"{done.options.seconds:g}, {done.settled_after:.0f}"),
        ("rows committed", f"{commits[Commit.DONE]}"),
        ("commits whose answer was lost", f"{commits[Commit.UNKNOWN]}"),
        ("rolled back or failed", f"{commits[Commit.UNDONE]}"),
        ("repeated under a dedupe key", f"{commits[Commit.REPEATED]}"),
    ]
    rows += [(name, f"{count}") for name, count in sorted(done.faults.items())]
    if done.disk is False:
        rows.append(("disks filled", "0: a small file system could not be mounted here"))
    rows += [
        ("requests that arrived", f"{done.stats.get('arrivals', 0)}"),
        ("fullest window", f"{done.evidence.window.fullest} of {done.evidence.window.limit}"),
        ("attempts with trouble", _trouble(done.evidence)),
        ("texts in the ledger", f"{done.report.texts}"),
        ("states", ", ".join(f"{state} {count}" for state, count in sorted(done.report.states.items()))),
    ]
    rows += [(f"cannot be known: {kind.value}", f"{count}") for kind, count in sorted(done.report.unknown.items())]
    rows += [(f"VIOLATED: {invariant.value}", f"{count}") for invariant, count in sorted(violations.items())]
    rows += [("VIOLATED: enqueue", f"{len(done.broken)}")] if done.broken else []
    rows.append(("result", "every invariant holds" if done.clean else "INVARIANT VIOLATED"))
    return rows


def _trouble(evidence: Evidence) -> str:
    outcomes = Counter(
        outcome for request in evidence.requests for outcome in request.outcomes if outcome not in {None, "accepted"}
    )
    return ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items(), key=str)) or "none"
