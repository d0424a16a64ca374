"""`smsgw up`: everything on one machine, for one person, in the foreground."""

import sys
from typing import Annotated

import typer

from gateway.cli.session import confirm, fail, run_async, settings


def up(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start with a new, empty database; the old folder is kept, renamed.")
    ] = False,
) -> None:
    """Start a Postgres, a simulated provider, the gateway and the console; Ctrl-C stops them all.

    With SMSGW_MTA_API_KEY (or MTA_API_KEY, also from .env) it talks to the real provider and sends no samples; with
    SMSGW_DATABASE_URL it uses that Postgres.
    """
    from gateway.app.local import LocalError, OldDatabaseError, run_locally

    found = settings()
    try:
        try:
            run_async(run_locally(found, fresh=fresh))
        except OldDatabaseError as old:
            if not sys.stdin.isatty():
                raise
            confirm(old.question)
            run_async(run_locally(found, fresh=True))
    except LocalError as error:
        fail(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)
