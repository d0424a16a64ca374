"""`smsgw log`: what operators changed."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.connection import with_database
from gateway.cli.filtering import GREATEST_ID
from gateway.cli.printing import clock, line, table


def log(
    message: Annotated[int | None, typer.Option(max=GREATEST_ID, help="Only what touched this message.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this: replay, pause, resolve_failed, lane_set …")] = None,
    below: Annotated[
        int | None, typer.Option(max=GREATEST_ID, help="Go on below this entry: the last of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what operators changed: who, when, what, why and how many messages; the latest first."""
    from gateway.operations.log import listed

    found = with_database(
        lambda connection: listed(connection, below=below, limit=limit, actor=by, action=action, message_id=message)
    )
    if as_json:
        for entry in found:
            line(asdict(entry))
        return
    table(
        ("ENTRY", "WHEN (UTC)", "WHO", "WHAT", "MESSAGES", "DETAIL", "BECAUSE"),
        (
            (
                entry.id,
                clock(entry.happened_at),
                entry.actor,
                entry.action,
                entry.messages or "",
                ", ".join(f"{name} {value}" for name, value in entry.detail.items() if value is not None),
                entry.reason,
            )
            for entry in found
        ),
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(log)
