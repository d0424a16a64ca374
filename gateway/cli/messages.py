"""`smsgw messages list` and `show`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from gateway.cli.connection import fail, with_database
from gateway.cli.printing import clock, line, table

group = typer.Typer(help="Find messages and read their story.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")]


@group.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only messages in this state.")] = None,
    lane: Annotated[str | None, typer.Option(help="Only this lane.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only this reference.")] = None,
    number: Annotated[str | None, typer.Option(help="Only this recipient, in E.164 form.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only messages created since then, UTC.")] = None,
    below: Annotated[int | None, typer.Option(help="Go on below this id: the last of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="At most so many.")] = 50,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    from datetime import UTC

    from gateway.domain.phone import mask
    from gateway.store.messages import Filters, list_messages

    filters = Filters(state, lane, tenant, reference, number, since.replace(tzinfo=UTC) if since else None)
    rows = with_database(lambda connection: list_messages(connection, filters, below=below, limit=limit))
    if not reveal:
        rows = [row | {"to_number": mask(row["to_number"])} for row in rows]
    if as_json:
        for row in rows:
            line(row)
        return
    table(
        ("ID", "STATE", "LANE", "TO", "REFERENCE", "CREATED (UTC)", "REASON"),
        (
            (
                r["id"],
                r["state"],
                r["lane"],
                r["to_number"],
                r["reference"],
                clock(r["created_at"]),
                r["reason"],
            )
            for r in rows
        ),
    )


@group.command()
def show(
    message_id: Annotated[int, typer.Argument(metavar="ID", help="The message's id.")],
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Print one message and everything that happened to it."""
    from gateway.domain.phone import mask
    from gateway.store.messages import one_message, timeline

    async def work(connection: Any) -> tuple[dict[str, Any] | None, list[Any]]:
        return await one_message(connection, message_id), await timeline(connection, message_id)

    message, steps = with_database(work)
    if message is None:
        fail(f"there is no message {message_id}")
    if not reveal:
        message["to_number"] = mask(message["to_number"])
    if as_json:
        line(message | {"timeline": [asdict(step) for step in steps]})
        return
    names = [name for name, value in message.items() if value is not None]
    table(
        ("MESSAGE", str(message_id)),
        ((n, clock(v) if isinstance(v, datetime) else v) for n in names for v in [message[n]]),
    )
    typer.echo()
    table(
        ("WHEN (UTC)", "WHAT", "DETAIL", "CODE", "TOOK"),
        (
            (
                clock(s.at),
                s.what,
                s.detail,
                s.status,
                f"{s.duration * 1000:.0f} ms" if s.duration is not None else "",
            )
            for s in steps
        ),
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="messages")
