"""Makes docs/performance.md and its plots from a report. It measures nothing."""

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
"""The columns of a table of drains; all but the rate are for each message."""

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
    "two cores with Postgres, so the bare client has more of them. The process is busy for three quarters of "
    "the time, Postgres for half a core. Of the cost of a message in the process, aiohttp's call is a third "
    "and the event loop with its sockets a sixth; the bare client has these too. The claim is a third, half "
    "of it asyncpg's encoding and decoding; storing the result is a tenth. Claims run one after another, each "
    "with seven round trips and a commit before the first byte is sent (promise 3). To claim the next while "
    "the last is in flight gained at most an eighth and needed a second queue of claims that grow stale, so "
    "it was left out.",
    "coalesced": "No checkpoint happens during a run. The first change of a page after a checkpoint writes the "
    "whole page "
    "into the WAL. With checkpoints a quarter of an hour apart that adds little to a steady load and much to "
    "a burst.",
    "wake": "A bare NOTIFY writes nothing. A decision that is made once has to be on disk before its first byte is "
    "sent (promise 3), so the second line is the minimum for any such outbox: one durable statement and one "
    "POST after the notification.",
    "snapshot": "Index entries of sent messages cannot be removed while an old snapshot may still see them. A "
    "scan reads "
    "all of them, 30 ms for 100,000, so a slow scan is not repeated before every claim: for a while only "
    "urgent lanes are scanned, and known queues continue at their cursors (`gateway/dispatch/cursors.py`). "
    "`smsgw doctor` shows what holds the snapshot, and `smsgw_database_oldest_snapshot_seconds` for how long.",
    "otp": "The transaction that inserts the code reads the time to the next token and locks the limiter's row, so "
    "no claim can take that token before the code is committed. A claim that waits for the lock scans for "
    "urgent messages again before it spends the token. The time beyond the token is what the gateway adds.",
    "idle": "Half of it is the safety poll, for a lost notification; the rest is the gauges and the heartbeat.",
    "insert": "The bare table has the same columns of use and a primary key. Without the wait for the disk a bare row "
    "took 124 µs and ours 192. Of the difference, 22 µs are the search paths that keep an application's "
    "operators out of the triggers, 23 the checks and the doorbell, 16 the indexes for number, reference, "
    "claim, expiry and time, 7 the wider row. The rest of the ratio is the disk, which gets more WAL to "
    "write.",
    "receipts": "Every answer of the gateway is a committed receipt, and the applier runs a quarter of the time. The "
    "generator has its own process; all share the cores with Postgres. The ratio moved between 0.46 and 0.61 "
    "within an hour on this machine. Most of it is the listener's own Python: 97 µs a receipt, compared with "
    "62 of the bare handler.",
    "processes": "Every process runs before the backlog appears. The cores are shared with Postgres and the server, so "
    "more processes than cores add their own cost and no speed; claims wait for each other at the limiter's "
    "row.",
    "curves": "Commits fall with the number of messages that a claim takes, WAL and rows with the number that share a "
    "request. The message's own row remains.",
    "steady": "Autovacuum keeps the dead rows of `outbox` and `request` under a hundredth of the live ones. In this "
    "hour `attempt` still had the server's default, a fifth of the table; since then it has the settings of "
    "the others (`sql/migrations/0001_pre_messages.sql`).",
    "peers": "Rates of short runs on a busy machine; the costs are steadier. A queue that deletes a row when it is "
    "done keeps no history and writes less WAL for it; one that stores no attempt cannot show what was tried. "
    "The gateway in these runs also applies its limiter, fences late workers, logs each attempt and stores "
    "the exact bytes of each request; no other queue does all of that.",
}
"""Explanations of the tables; they hold for any figures."""

INTRODUCTION = """# Performance

This page is made from `docs/performance.json` by `smsgw bench page`; do not edit it. All figures are from runs on
one machine, together with lower bounds of that machine: **only the ratios mean anything elsewhere.** The machine was
shared with other work, so single figures differ by a third between runs, some by more. Short runs are repeated
{repeat} times and their median is shown.

{machine}

The provider of these runs is a raw protocol in its own process (`gateway/bench/server.py`). It answers {delay:g} ms
after each request and counts each recipient, so the tables show messages that were lost or sent twice.
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
