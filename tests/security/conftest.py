"""Sessions that are logged in as somebody, and not only pretend to be: `set role` could be taken back."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

MakeLogin = Callable[[str], Awaitable[str]]
LogIn = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def make_login(database: Any, connection: Any) -> AsyncIterator[MakeLogin]:
    """Make a login that is a member of a role, as an administrator would, with a schema of its own; give its DSN."""
    made: list[str] = []

    async def make(role: str) -> str:
        name, password = f"member_{secrets.token_hex(6)}", secrets.token_hex(12)
        await connection.execute(f"create role {name} login password '{password}' in role {role}")
        await connection.execute(f"create schema {name} authorization {name}")
        made.append(name)
        address = urlsplit(database.dsn)
        place = f"{name}:{password}@{address.netloc.rpartition('@')[2]}"
        return urlunsplit(address._replace(netloc=place))

    yield make
    for name in made:
        await connection.execute(f"drop owned by {name} cascade")
        await connection.execute(f"drop role {name}")


@pytest.fixture
async def log_in(make_login: MakeLogin) -> AsyncIterator[LogIn]:
    """Open a session of such a login."""
    sessions: list[Any] = []

    async def start(role: str) -> Any:
        sessions.append(await asyncpg.connect(await make_login(role)))
        return sessions[-1]

    yield start
    for session in sessions:
        with suppress(asyncpg.PostgresError, OSError):
            await session.close()
