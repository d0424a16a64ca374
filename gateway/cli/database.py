"""`smsgw migrate`."""

from typing import Annotated

import asyncpg
import typer

from gateway.cli.session import REFUSED, database_url, fail, fail_by_database, run_async, settings


def migrate(
    phase: Annotated[str, typer.Option(help="pre, post, or all: see the upgrade notes in CHANGELOG.md.")] = "all",
) -> None:
    """Bring the database's schema up to date."""
    from gateway.store.migrate import MigrationError, Phase
    from gateway.store.migrate import migrate as apply
    from gateway.store.pool import UNAVAILABLE

    if phase not in ("pre", "post", "all"):
        fail("--phase must be pre, post or all", 2)
    phases = frozenset(Phase) if phase == "all" else frozenset({Phase(phase)})
    try:
        applied = run_async(apply(database_url(settings()), phases=phases))
    except MigrationError as error:
        fail(str(error))
    except asyncpg.InsufficientPrivilegeError as error:
        fail(
            f"{error.args[0]}: migrations need a role that owns the database and may create roles (CREATEROLE); "
            "applied migrations stay, and the next run continues after them"
        )
    except (*UNAVAILABLE, *REFUSED) as error:
        fail_by_database(error)
    typer.echo(f"applied {', '.join(f'{n:04}' for n in applied)}" if applied else "the schema is up to date")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)
