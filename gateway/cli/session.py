"""What every command needs: settings, a database connection or the provider, and an error that ends it."""

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
from gateway.settings import Settings, SettingsError, load, unknown_variables
from gateway.store.pool import UNAVAILABLE, connect
from gateway.store.search_path import SearchPathNotPinned

T = TypeVar("T")

REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
"""Postgres answers and refuses the login: a wrong password, an unknown role or database."""

LOCAL_DSN = Path(".smsgw") / "dsn"
"""Where `smsgw up` stores the address of its database. Only its user can read the file."""


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with an error on stderr."""
    typer.echo(f"smsgw: {message}", err=True)
    raise typer.Exit(code)


def settings(**given: Any) -> Settings:
    """Return the settings, or end the command with an error that names the bad one."""
    for warning in unknown_variables():
        typer.echo(f"smsgw: warning: {warning}", err=True)
    try:
        return load(**given)
    except SettingsError as error:
        fail(str(error), 2)


def database_url(found: Settings) -> str:
    """Return the address of the database, past any pooler: the setting, or that of `smsgw up` in this folder."""
    if found.direct_url is not None:
        return found.direct_url.get_secret_value()
    try:
        local = LOCAL_DSN.read_text(encoding="utf-8").strip()
    except OSError:
        fail("SMSGW_DATABASE_URL is not set, and smsgw up has not run in this folder")
    if not local:
        # Without an address asyncpg would go to whatever PGHOST and its own defaults name.
        fail(f"SMSGW_DATABASE_URL is not set, and {LOCAL_DSN} is empty; start smsgw up again")
    return local


def with_database(
    work: "Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]", *, role: str = "smsgw_operator"
) -> T:
    """Run `work` on one connection and return its result. An unavailable database ends the command with an error.

    `role` is the database role that may do it, for the error.
    """
    dsn = database_url(settings())

    async def session() -> T:
        connection = await connect(dsn, purpose="command")
        try:
            return await work(connection)
        finally:
            await connection.close()

    from gateway.operations import NotPossible

    try:
        return run_async(session())
    except NotPossible as error:
        fail(str(error))
    except asyncpg.UndefinedTableError:
        fail("the database has no schema yet; run: smsgw migrate")
    except asyncpg.InsufficientPrivilegeError:
        fail(f"permission denied: use a database role that is granted {role}")
    except (*UNAVAILABLE, *REFUSED) as error:
        fail_by_database(error)


def fail_by_database(error: Exception) -> NoReturn:
    """End the command with the database error. A closed pipe of our own output is raised again: it is none."""
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, SearchPathNotPinned):
        fail(f"SMSGW_DATABASE_URL: {error}")
    if isinstance(error, REFUSED):
        fail(f"SMSGW_DATABASE_URL: Postgres refused the login: {type(error).__name__}")
    if isinstance(error, asyncpg.ClientConfigurationError):
        fail("SMSGW_DATABASE_URL must be a database address such as postgresql://user@host:5432/name", 2)
    fail(f"the database does not answer ({type(error).__name__}); check SMSGW_DATABASE_URL")


def with_provider(found: Settings, work: Callable[[Provider], Awaitable[T]]) -> T:
    """Run `work` with the provider and return its result. A refusal ends the command with an error."""
    from gateway.app.client import client_for_command, has_key
    from gateway.provider.errors import ProviderError
    from gateway.provider.registry import DEFAULT

    if not has_key(found):
        fail(f"{DEFAULT.key_setting} is not set", 2)

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
    """Run a coroutine, on uvloop where that exists."""
    if os.name == "posix":
        import uvloop

        return uvloop.run(work)
    return asyncio.run(work)


def actor() -> str:
    """Return the user and host that run the command, for the operator log."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def confirm(question: str) -> None:
    """Ask for confirmation. A no ends the command, and so does a standard input that is no terminal."""
    if not sys.stdin.isatty():
        fail("cannot ask for confirmation because standard input is not a terminal; use --yes", 2)
    if not typer.confirm(question, err=True):
        fail("cancelled; nothing was changed")
