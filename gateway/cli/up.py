"""`smsgw up`: everything on one machine, for one person, in the foreground."""

import typer

from gateway.cli.session import fail, run_async, settings


def up() -> None:
    """Start a Postgres, a simulated provider, the gateway and the console; Ctrl-C stops them all.

    With SMSGW_MTA_API_KEY (or MTA_API_KEY, also from .env) it talks to the real provider and sends no samples; with
    SMSGW_DATABASE_URL it uses that Postgres.
    """
    from gateway.app.local import LocalError, run_locally

    try:
        run_async(run_locally(settings()))
    except LocalError as error:
        fail(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)
