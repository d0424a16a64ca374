"""`smsgw log`: the log of operator actions."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.options import Json
from gateway.cli.output import format_time, json_line, table
from gateway.cli.session import with_database
from gateway.operations.filters import MAX_ID


def log(
    message: Annotated[int | None, typer.Option(max=MAX_ID, help="Only actions on this message.")] = None,
    by: Annotated[str | None, typer.Option(help="Only actions of this person.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action: replay, pause, resolve_failed, lane_set …")
    ] = None,
    below: Annotated[
        int | None, typer.Option(max=MAX_ID, help="Continue below this entry: the last one of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries to list.")] = 50,
    as_json: Json = False,
) -> None:
    """List the actions of operators, newest first: who, when, what, why, and how many messages."""
    from gateway.operations.log import list_actions

    found = with_database(
        lambda connection: list_actions(
            connection, below=below, limit=limit, actor=by, action=action, message_id=message
        )
    )
    if as_json:
        for entry in found:
            json_line(asdict(entry))
        return
    table(
        ("ENTRY", "TIME (UTC)", "WHO", "ACTION", "MESSAGES", "DETAILS", "REASON"),
        (
            (
                entry.id,
                format_time(entry.happened_at),
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
