"""What every command needs: the settings, a database, and a plain way to fail."""

import asyncio
import getpass
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import asyncpg
import typer

from gateway.provider.protocol import Provider
from gateway.settings import Settings, SettingsError, duration, load, unknown_variables
from gateway.store.pool import UNAVAILABLE, connect

T = TypeVar("T")

REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
"""Postgres is there, and lets nobody in under this address: a wrong password, an unknown role or database."""

LOCAL_DSN = Path(".smsgw") / "dsn"
"""Where `smsgw up` leaves the address of its database, readable by its user alone."""


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command with a reason on stderr."""
    typer.echo(f"smsgw: {sentence}", err=True)
    raise typer.Exit(code)


def settings(**given: Any) -> Settings:
    """Return the settings, or end the command with the line that names the bad one."""
    for warning in unknown_variables():
        typer.echo(f"smsgw: warning: {warning}", err=True)
    try:
        return load(**given)
    except SettingsError as error:
        fail(str(error), 2)


def database_url(found: Settings) -> str:
    """Return the database, past any pooler: the setting, else the one of a `smsgw up` in this folder."""
    if found.direct_url is not None:
        return found.direct_url.get_secret_value()
    try:
        local = LOCAL_DSN.read_text(encoding="utf-8").strip()
    except OSError:
        fail("SMSGW_DATABASE_URL is not set, and no smsgw up has run in this folder")
    if not local:
        # Without an address asyncpg would go to whatever PGHOST and its own defaults name.
        fail(f"SMSGW_DATABASE_URL is not set, and {LOCAL_DSN} is empty; start smsgw up again")
    return local


def with_database(
    work: "Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]", *, role: str = "smsgw_operator"
) -> T:
    """Run `work` on one connection and return its result; a database that is away ends the command plainly.

    `role` is who may do it.
    """
    dsn = database_url(settings())

    async def session() -> T:
        connection = await connect(dsn, purpose="command")
        try:
            return await work(connection)
        finally:
            await connection.close()

    from gateway.operations.errors import NotPossible

    try:
        return run_async(session())
    except NotPossible as error:
        fail(str(error))
    except asyncpg.UndefinedTableError:
        fail("the database has no schema yet; run: smsgw migrate")
    except asyncpg.InsufficientPrivilegeError:
        fail(f"this database role may not do that; ask for {role}")
    except (*UNAVAILABLE, *REFUSED) as error:
        fail_by_database(error)


def fail_by_database(error: Exception) -> NoReturn:
    """End the command with what kept it from the database; a reader of its output who left is no such thing."""
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, REFUSED):
        fail(f"SMSGW_DATABASE_URL: Postgres refuses it: {type(error).__name__}")
    if isinstance(error, asyncpg.ClientConfigurationError):
        fail("SMSGW_DATABASE_URL is no address of a database; one looks like postgresql://user@host:5432/name", 2)
    fail(f"the database does not answer ({type(error).__name__}); check SMSGW_DATABASE_URL")


def with_provider(found: Settings, work: Callable[[Provider], Awaitable[T]]) -> T:
    """Run `work` with the provider and return its result; what the provider refuses ends the command plainly."""
    from gateway.app.client import client_for_command
    from gateway.provider.errors import ProviderError

    if found.mta_api_key is None:
        fail("SMSGW_MTA_API_KEY is not set", 2)

    async def session() -> T:
        async with client_for_command(found) as provider:
            return await work(provider)

    try:
        return run_async(session())
    except ProviderError as error:
        fail(str(error))
    except (*UNAVAILABLE, *REFUSED) as error:
        fail_by_database(error)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop where there is one."""
    if os.name == "posix":
        import uvloop

        return uvloop.run(work)
    return asyncio.run(work)


def actor() -> str:
    """Return who acts, for the operator log."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def seconds(option: str, text: str) -> float:
    """Return a duration in seconds, or end the command naming the option."""
    try:
        return float(duration(text))
    except ValueError as error:
        fail(f"{option}: {error}", 2)


def confirm(question: str) -> None:
    """Go on only when a person says yes; where nobody can be asked, end the command."""
    if not sys.stdin.isatty():
        fail("nobody is there to be asked; give --yes", 2)
    if not typer.confirm(question, err=True):
        fail("nothing was changed")
