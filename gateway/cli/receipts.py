"""`smsgw receipts refold`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.cli.session import actor, with_database

group = typer.Typer(help="Receipts of the provider.", no_args_is_help=True)

BATCH = 5000


@group.command()
def refold(
    since: Annotated[datetime, typer.Option(help="Receipts that arrived at or after this time, UTC.")],
) -> None:
    """Apply journalled receipts again, for example after a release that reads more of them. It is safe to repeat."""
    from gateway.store import actions, receipts

    moment = since.replace(tzinfo=UTC)

    async def work(connection: Any) -> int:
        count = above = 0
        while ids := await receipts.requeue(connection, moment, above, BATCH):
            count, above = count + len(ids), max(ids)
        await actions.record(
            connection, actor=actor(), action="refold", detail={"since": moment.isoformat(), "receipts": count}
        )
        return count

    typer.echo(f"{with_database(work, role='smsgw_gateway')} receipts will be applied again by the running gateway")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="receipts")
