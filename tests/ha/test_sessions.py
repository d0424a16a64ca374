"""Sessions behind a pooler and on a server that only follows: real ones, in small."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from ha.children import missing, until
from ha.pgbouncer import PgBouncer, role_settings
from ha.plain import PlainPair
from ha.run import folder

from gateway.store.doorbell import ArmResult, Doorbell
from gateway.store.pool import COMMAND_TIMEOUT, STATEMENT_TIMEOUT, connect, open_pool


def needs(*commands: str) -> pytest.MarkDecorator:
    absent = missing(*commands)
    return pytest.mark.skipif(bool(absent), reason=f"this machine has no {', '.join(absent)}")


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture
async def login(server_dsn: str) -> AsyncIterator[str]:
    """The address of a role with what deploy/pgbouncer/role.sql gives it."""
    name, password = f"pooled_{secrets.token_hex(6)}", secrets.token_hex(12)
    owner = await asyncpg.connect(server_dsn)
    await owner.execute(f"create role {name} login superuser password '{password}'")
    await owner.execute(role_settings(name))
    address = urlsplit(server_dsn)
    yield urlunsplit(address._replace(netloc=f"{name}:{password}@{address.netloc.rpartition('@')[2]}"))
    await owner.execute(f"drop role {name}")
    await owner.close()


@pytest.fixture
async def bouncer(place: Path, login: str) -> AsyncIterator[PgBouncer]:
    """A pooler with two server sessions before the suite's server."""
    bouncer = PgBouncer(place, login, size=2)
    bouncer.child.start()

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", bouncer.port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listens, "PgBouncer listens")
    yield bouncer
    await bouncer.child.end()


@needs("pgbouncer")
async def test_statements_of_many_sessions_are_not_confused_behind_a_pooler(bouncer: PgBouncer) -> None:
    pool = await open_pool(bouncer.address("postgres"), purpose="test", max_size=10, pooler=True)

    async def ask(number: int) -> bool:
        # Seven questions, again and again: a prepared one would be there already, or not, or be another's.
        factor = number % 7
        return bool(await pool.fetchval(f"select $1::integer * {factor}", number) == number * factor)

    try:
        assert all(await asyncio.gather(*(ask(number) for number in range(300))))
        async with pool.acquire() as connection:
            assert await connection.fetchval("select $1::jsonb", {"a": [1]}) == {"a": [1]}
            assert (await connection.fetchrow("select $1::integer as n", 1))["n"] == 1
            await connection.execute("select $1::integer", 1)
            await connection.executemany("select $1::integer", [(1,), (2,)])
            assert not connection.is_in_transaction()
    finally:
        await pool.close()


async def insert_twice(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute("insert into public.once values ($1)", 1)
        await connection.execute("insert into public.once values ($1)", 1)


@needs("pgbouncer")
async def test_a_transaction_behind_a_pooler_is_whole_or_not_at_all(bouncer: PgBouncer) -> None:
    pool = await open_pool(bouncer.address("postgres"), purpose="test", max_size=2, pooler=True)
    try:
        await pool.execute("create table if not exists public.once (n integer primary key)")
        await pool.execute("truncate public.once")
        async with pool.acquire() as connection:
            with pytest.raises(asyncpg.UniqueViolationError):
                await insert_twice(connection)
            assert await connection.fetchval("select count(*) from public.once") == 0
    finally:
        await pool.execute("drop table public.once")
        await pool.close()


@pytest.mark.slow("ha")
@needs("postgres")
async def test_a_server_that_only_follows_gets_no_session_until_it_is_promoted(place: Path) -> None:
    pair = PlainPair(place)
    try:
        await pair.start()
        standby = pair.address("second", "postgres")
        pool = await open_pool(standby, purpose="test", min_size=0)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pool.fetchval("select 1")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connect(standby, purpose="test", writable=True)
        bell = Doorbell(standby)
        assert await bell.arm() is ArmResult.NOT_ARMED
        # A command may read there.
        reader = await connect(standby, purpose="test")
        await reader.close()
        await pair.promote()
        assert await pool.fetchval("select 1") == 1
        await pool.close()
    finally:
        await pair.stop()


def test_our_own_limit_strikes_before_the_servers() -> None:
    # Else a COMMIT that no standby has would be taken for done: see `COMMAND_TIMEOUT`.
    assert COMMAND_TIMEOUT + 2.0 < STATEMENT_TIMEOUT
