"""`smsgw doctor`."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.options import Json
from gateway.cli.output import json_line
from gateway.cli.session import database_url, run_async, settings
from gateway.settings import Settings


def doctor(
    webhook_url: Annotated[
        str | None,
        typer.Option(help="Public address of the webhook listener. Default: the registered address."),
    ] = None,
    only_database: Annotated[bool, typer.Option("--only-database", help="Check only the database.")] = False,
    as_json: Json = False,
) -> None:
    """Check everything that the gateway depends on. Exits with 1 if a check fails."""
    levels = run_async(_run(webhook_url, only_database=only_database, as_json=as_json))
    if "fail" in levels:
        raise typer.Exit(1)


async def _run(webhook_url: str | None, *, only_database: bool, as_json: bool) -> set[str]:
    levels = set()
    async for check in _checks(webhook_url, only_database=only_database):
        levels.add(check.level.value)
        if as_json:
            json_line(asdict(check))
            continue
        typer.echo(f"{check.level.value:5}{check.name}: {check.message}")
        if check.remedy:
            typer.echo(f"     → {check.remedy}")
    return levels


async def _database_checks(found: Settings) -> AsyncIterator[Any]:
    from gateway.operations.doctor import search_path
    from gateway.operations.doctor.checks import fail
    from gateway.operations.doctor.runner import check_database
    from gateway.store.pool import UNAVAILABLE, connect
    from gateway.store.search_path import SearchPathNotPinned

    try:
        connection = await connect(database_url(found), purpose="command")
    except SearchPathNotPinned as error:
        yield search_path.not_pinned(error)
    except UNAVAILABLE as error:
        yield fail("database", f"does not answer ({type(error).__name__})", "check SMSGW_DATABASE_URL")
    else:
        try:
            async for check in check_database(connection, send_within=found.send_within):
                yield check
        finally:
            await connection.close()
    if found.listen_url is not None and found.database_url is not None:
        try:
            yield await search_path.check_pooler(found.database_url.get_secret_value())
        except UNAVAILABLE as error:
            yield fail("pooler", f"does not answer ({type(error).__name__})", "check SMSGW_DATABASE_URL")


async def _checks(webhook_url: str | None, *, only_database: bool) -> AsyncIterator[Any]:
    from gateway.app.client import client_for_command, has_key
    from gateway.app.doctor import listener_of
    from gateway.operations.doctor.account import ExpectedAccount
    from gateway.operations.doctor.runner import check_provider

    found = settings()
    async for check in _database_checks(found):
        yield check
    if only_database:
        return
    listener = listener_of(found, public=webhook_url)
    expected = ExpectedAccount(found.sender_id, found.management_limit)
    if not has_key(found):
        async for check in check_provider(None, expected, listener):
            yield check
        return
    # Without the shared limiter: the account is checked even if the database is unavailable. It is four calls.
    async with client_for_command(found.model_copy(update={"database_url": None})) as provider:
        async for check in check_provider(provider, expected, listener):
            yield check


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
