"""`smsgw status`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.connection import with_database
from gateway.cli.printing import clock, line, table


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say what runs, what waits, what the limiter gives and what is paused."""
    from gateway.store import status as store

    found: store.Status = with_database(store.status)
    if as_json:
        line(
            {
                "backlog": [asdict(row) for row in found.backlog],
                "buckets": [asdict(bucket) | {"available": tokens} for bucket, tokens in found.buckets],
                "pauses": [asdict(row) for row in found.pauses],
                "replicas": [asdict(row) for row in found.replicas],
                "routes": [asdict(row) for row in found.routes],
            }
        )
        return
    for pause in found.pauses:
        typer.echo(f"PAUSED {pause.scope} {pause.subject} by {pause.actor}: {pause.reason}")
    for route in found.routes:
        if route.opened_at is not None:
            typer.echo(
                f"BREAKER OPEN {route.name} since {clock(route.opened_at)}: {route.last_error}; "
                f"next probe {clock(route.retry_at)}"
            )
    _backlog(found.backlog)
    table(
        ("BUCKET", "TOKENS", "RATE/S", "ALLOWANCE"),
        (
            (b.name, f"{tokens:.1f}", f"{b.rate_at(b.counted_at):.2f}", f"{b.allowance:g} in {b.period:g} s")
            for b, tokens in found.buckets
        ),
    )
    typer.echo()
    table(
        ("REPLICA", "RELEASE", "DUTIES", "UP", "LAST SEEN"),
        ((r.worker, r.version, ",".join(r.duties), f"{r.up:.0f} s", f"{r.silent:.0f} s ago") for r in found.replicas),
    )


def _backlog(rows: list[Any]) -> None:
    states = ("ready", "held", "scheduled", "sending", "retrying", "uncertain", "accepted", "unconfirmed")
    lanes = sorted({row.lane for row in rows})
    count = {(row.lane, row.state): row.messages for row in rows}
    oldest = {row.lane: row.oldest for row in rows if row.oldest is not None and row.messages}
    table(
        ("LANE", *(state.upper() for state in states), "OLDEST"),
        (
            (
                lane,
                *(count.get((lane, state), 0) for state in states),
                f"{oldest[lane]:.0f} s" if lane in oldest else "",
            )
            for lane in lanes
        ),
    )
    typer.echo()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)
