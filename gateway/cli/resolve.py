"""`smsgw resolve`."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.options import Because, Json, NewTtl, Yes, new_ttl_seconds
from gateway.cli.output import json_line
from gateway.cli.session import actor, confirm, fail, with_database
from gateway.operations.filters import MAX_ID


def resolve(
    message_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="An uncertain message.")],
    how: Annotated[str, typer.Option("--as", help="accepted, failed or resend.")],
    because: Because = "",
    new_ttl: NewTtl = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Resolve an uncertain message and every other message of its request, which was sent as a whole or not at all."""
    from gateway.operations import resolve as operation
    from gateway.operations.resolve import Resolution
    from gateway.operations.search import get_message

    try:
        resolution = Resolution(how)
    except ValueError:
        fail("--as must be accepted, failed or resend", 2)
    if not because:
        fail("--because is required: what did you find out, and where?", 2)
    ttl = new_ttl_seconds(new_ttl)
    if with_database(lambda connection: get_message(connection, message_id)) is None:
        fail(f"there is no message {message_id}")
    if not yes:
        warning = " This may reach phones twice." if resolution is Resolution.RESEND else ""
        confirm(f"resolve message {message_id} and all messages of its request as {resolution.value}?{warning}")
    done = with_database(
        lambda connection: operation.resolve(
            connection, message_id, resolution, actor=actor(), because=because, new_ttl=ttl
        )
    )
    if as_json:
        json_line(asdict(done))
        return
    result = {"accepted": "accepted", "failed": "failed", "resend": "queued again"}[resolution.value]
    typer.echo(f"{len(done.messages)} messages are {result}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resolve)
