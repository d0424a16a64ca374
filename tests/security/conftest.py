"""Sessions that are logged in as somebody, and not only pretend to be: `set role` could be taken back."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

LogIn = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def log_in(database: Any, connection: Any) -> AsyncIterator[LogIn]:
    """Log in as a member of a role, as an administrator would have set it up."""
    made: list[tuple[str, Any]] = []

    async def start(role: str) -> Any:
        name, password = f"member_{secrets.token_hex(6)}", secrets.token_hex(12)
        await connection.execute(f"create role {name} login password '{password}' in role {role}")
        await connection.execute(f"create schema {name} authorization {name}")
        address = urlsplit(database.dsn)
        place = f"{name}:{password}@{address.netloc.rpartition('@')[2]}"
        session = await asyncpg.connect(urlunsplit(address._replace(netloc=place)))
        made.append((name, session))
        return session

    yield start
    for name, session in made:
        with suppress(asyncpg.PostgresError, OSError):
            await session.close()
        await connection.execute(f"drop owned by {name} cascade")
        await connection.execute(f"drop role {name}")
