"""From a report to docs/performance.md and its plots: nothing is measured here, and nothing typed by hand."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gateway.bench.peers.catalog import PEERS
from gateway.bench.plan import EXAMPLES, MEASURED, Load, Plan, costs_of, plan
from gateway.bench.plots import draw
from gateway.bench.results import Report, Result, shown, target_rows

COLUMNS = {
    "rate": "messages/s",
    "cpu_us": "CPU µs",
    "queries": "queries",
    "commits": "commits",
    "wal_bytes": "WAL B",
    "inserts": "rows inserted",
    "updates": "rows updated",
    "hot_share": "of these HOT",
    "deletes": "rows deleted",
    "dead_tuples": "dead tuples",
    "lost": "lost",
    "doubled": "doubled",
}
"""What a table of drains shows; all but the rate a message."""

TITLES = {
    "floors": "The floors",
    "drain": "A backlog, one message a request",
    "coalesced": "A backlog, up to 500 messages a request",
    "wake": "From the commit to the wire, idle",
    "otp": "A login code behind a campaign",
    "history": "A long history",
    "snapshot": "A held snapshot",
    "insert": "The application's INSERT",
    "idle": "Idle",
    "memory": "Memory",
    "processes": "More processes",
    "curves": "What a message costs",
    "steady": "Dead tuples under steady load",
    "window": "Use of the provider's limit",
    "peers": "Other queues",
    "receipts": "Webhooks",
}

NOTES = {
    "floors": "The bare claim and finish are two statements for a batch, on a table with one index; no request, no "
    "attempt, no limit.",
    "drain": "The bare client posts the same bytes and does nothing else. It runs alone, while the gateway shares the "
    "cores with Postgres: of two cores the bare client has more to itself, whatever the gateway does. What the limit "
    "is made of: the process is busy for three quarters of the time, Postgres for half of a core. Of what a message "
    "costs the process, aiohttp's call is a third and the event loop with its sockets a sixth, which the bare client "
    "pays too; the claim is a third, half of it asyncpg's coding of what goes to Postgres and comes from it; writing "
    "the result is a tenth. Claims go one after another, each with seven round trips and a commit before the first "
    "byte leaves (promise 3); claiming the next while the last is in the air gained an eighth at the most, for a "
    "second queue of claims that grow stale, and was left out.",
    "coalesced": "No checkpoint falls into a run. The first change of a page after a checkpoint writes the whole page "
    "into the WAL; with checkpoints a quarter of an hour apart that adds little to a steady load and much to a burst.",
    "wake": "A bare NOTIFY writes nothing. Whatever must be decided once has to be on disk before its first byte "
    "leaves (promise 3), so the second line is the least that any such outbox can take: one durable statement and one "
    "POST after the bell.",
    "snapshot": "Index entries of messages that were sent can't be removed while an old snapshot may still see them. "
    "A look at what waits passes all of them, 30 ms for 100,000, so a look that was slow is not repeated before every "
    "claim: for a while only urgent lanes are looked at, and the known queues go on from where they were left "
    "(`gateway/dispatch/cursors.py`). `smsgw doctor` says who holds the snapshot, and "
    "`smsgw_database_oldest_snapshot_seconds` for how long.",
    "otp": "The transaction that inserts the code reads the time to the next token and locks the limiter's row, "
    "so nobody can take that token before the code is committed; a claim that waits for the lock meanwhile looks for "
    "urgent messages again before it spends. What is shown beyond the token is all that the gateway adds.",
    "idle": "Half of it is the safety poll, which is there for a bell that nobody hears; the rest is the gauges and "
    "the heartbeat.",
    "insert": "The bare table has the same columns of use and a primary key. Without the wait for the disk a bare row "
    "took 124 µs and ours 192: 22 µs more are the search paths that keep the triggers from an application's own "
    "operators, 23 the checks and the doorbell, 16 the indexes for number, reference, claim, expiry and time, 7 the "
    "wider row. The rest of the ratio is the disk, which gets more WAL to write.",
    "receipts": "Every answer of the gateway is a committed receipt, and the fold runs a quarter of the time. "
    "The generator has a process of its own; all share the cores with Postgres. The ratio moved between 0.46 and 0.61 "
    "within an hour on this machine: the listener's own Python is what it is made of, 97 µs a receipt beside the bare "
    "handler's 62.",
    "processes": "Every process is up before the backlog appears. The cores are shared with Postgres and the server, "
    "so more processes than cores add their own cost and no speed; the limiter's row makes claims wait for each other.",
    "curves": "Commits fall with the number of messages a claim takes, WAL and rows with the number that share a "
    "request: the message's own row is what remains.",
    "steady": "Autovacuum keeps what is dead of `outbox` and `request` under a hundredth of what lives. In this hour "
    "`attempt` still had the server's default, a fifth of the table; since then it has the terms of the others "
    "(`sql/migrations/0001_pre_messages.sql`).",
    "peers": "Rates of short runs on a busy machine; the costs beside them are steadier. Whoever deletes a row when it "
    "is done keeps no history and pays less WAL for it; whoever writes no attempt can't say what was tried. The "
    "gateway in these runs also asks its limiter, fences late workers, logs each attempt and stores the exact bytes "
    "of each request; no peer does all of that.",
}
"""What a reader must know to read a table; holds whatever the figures are."""

INTRODUCTION = """# Performance

This page is made from `docs/performance.json` by `smsgw bench page`; do not edit it. Every figure is one of a
single run on a single machine, together with the floors of that machine: **only the ratios mean anything
elsewhere.** The machine was shared with other work, so single figures move by a third between runs, some by more;
medians of {repeat} runs are shown where a run is short.

{machine}

The provider of these runs is a raw protocol in a process of its own (`gateway/bench/server.py`) that answers
{delay:g} ms after each request and counts each recipient: a message that is lost or sent twice shows in the tables.
Postgres is durable (`fsync` and `synchronous_commit` on).

## Targets
"""


def write_page(report: Report, docs: Path) -> None:
    """Write the page and its plots."""
    machine = report.machine
    text = INTRODUCTION.format(
        repeat=report.scale.get("repeat", "several"),
        delay=machine["delay_ms"],
        machine=(
            f"{machine['cores']} cores shared by Postgres {machine['postgres']}, the server and the gateway; "
            f"{machine['system']}, Python {machine['python']}; {machine['concurrency']} requests in flight."
        ),
    )
    text += _table(("measure", "target", "measured", "ratio", ""), target_rows(report.measures()))
    plots = draw(report, docs / "performance")
    for result in report.results:
        text += _section(result, plots)
    text += _plan(report)
    (docs / "performance.md").write_text(text.rstrip() + "\n", encoding="utf-8")


def _section(result: Result, plots: dict[str, str]) -> str:
    text = f"\n## {TITLES.get(result.benchmark, result.benchmark)}\n\n"
    if result.benchmark in NOTES:
        text += NOTES[result.benchmark] + "\n\n"
    if result.failed:
        return text + f"Not measured: {result.failed}\n"
    if result.lines:
        names = _columns(line.values for line in result.lines)
        rows = [(line.name, *(_cell(line.values.get(name)) for name in names), line.failed) for line in result.lines]
        columns = ["", *(COLUMNS.get(name, name.replace("_", " ")) for name in names)]
        if any(line.failed for line in result.lines):
            columns.append("why not")
        else:
            rows = [row[:-1] for row in rows]
        text += _table(columns, rows)
    if result.benchmark in plots:
        text += f"\n![{TITLES.get(result.benchmark, '')}](performance/{plots[result.benchmark]})\n"
    if result.benchmark == "peers":
        text += "\nWhat each was told; all had the same rows, one POST for each, and the same concurrency:\n\n"
        told = [(peer.name, " ".join(peer.packages), peer.default, peer.tuned) for peer in PEERS]
        text += _table(("", "release", "default", "tuned, after its documentation"), told)
    load = "" if result.load is None else f"; load average at its start {result.load:.1f}"
    return text + f"\n`{result.command}` (this part took {result.seconds:.0f} s{load}).\n"


def _plan(report: Report) -> str:
    costs = costs_of(report, MEASURED)
    plans = [plan(Load(count), costs) for count in EXAMPLES]
    text = (
        "\n## What an operator needs\n\nBy `smsgw bench plan --per-day N`, from the costs above: sent within 12 hours, "
        "with a peak of three times the average, one part each, kept for 90 days. Half of what was measured is "
        "taken as usable. Other numbers: `smsgw bench plan --help`.\n\n"
    )
    text += _table(("", *(f"{one.load.per_day:,} a day" for one in plans)), plan_rows(plans))
    for one in plans:
        if one.changes:
            text += f"\nAt {one.load.per_day:,} a day one installation as it is does not do; what changes:\n\n"
            text += "".join(f"* {change}\n" for change in one.changes)
    return text


def plan_rows(plans: Sequence[Plan]) -> list[tuple[str, ...]]:
    """Return the lines of a table with a column for each plan."""
    lines: list[tuple[str, list[str]]] = [
        ("messages/s at the peak", [shown(one.load.busiest) for one in plans]),
        ("route", [f"{one.numbers} × {one.route}" for one in plans]),
        ("messages a request", [str(one.recipients) for one in plans]),
        ("provider accounts", [str(one.accounts) for one in plans]),
        ("dispatch replicas", [str(one.dispatchers) for one in plans]),
        ("webhook replicas", [str(one.listeners) for one in plans]),
        ("Postgres cores", [str(one.cores) for one in plans]),
        ("Postgres memory", [f"{one.memory} GB" for one in plans]),
        ("WAL at the peak", [shown(one.wal_per_second / 1e6, "MB/s") for one in plans]),
        ("WAL a day", [shown(one.wal_per_day / 1e9, "GB") for one in plans]),
        ("commits/s at the peak", [shown(one.commits) for one in plans]),
        (f"stored after {plans[0].load.retention_days:g} days", [shown(one.stored / 1e9, "GB") for one in plans]),
        ("changes to the design", [str(len(one.changes)) if one.changes else "none" for one in plans]),
    ]
    return [(name, *cells) for name, cells in lines]


def _columns(values: Iterable[dict[str, Any]]) -> list[str]:
    names: list[str] = []
    for one in values:
        names += [name for name in one if name not in names and name not in ("requests", "processes", "recipients")]
    return names


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return shown(value) if isinstance(value, float) else str(value)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)
