"""No commit falls between the last look and the sleep, and none waits for another's transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from support.processes import poll

from gateway.store import doorbell
from gateway.store.doorbell import LOCK, ArmResult, Doorbell

INSERT = "insert into smsgw.outbox (to_number, body) values ('+12025550123', 'x')"


@pytest.fixture
async def stranger(database: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The session of an application that inserted one message and does not commit.

    No wait in the queue ends by its limit, so what wakes the sleeper is a ring, or the end of this transaction.
    """
    monkeypatch.setattr(doorbell, "QUEUE_SECONDS", 3600.0)
    session = await asyncpg.connect(database.dsn)
    await session.execute("begin")
    await session.execute(INSERT)
    yield session
    await session.close()


@asynccontextmanager
async def opened(*bells: Doorbell) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for bell in bells:
            await bell.close()


async def rings(bell: Doorbell) -> None:
    async with asyncio.timeout(120):
        await bell.rung.wait()
    bell.rung.clear()


async def waits(connection: Any, count: int = 1) -> None:
    """Return when this many sessions wait for the lock."""
    await poll(
        lambda: connection.fetchval(
            "select count(*) = $3 from pg_locks where locktype = 'advisory' and classid = $1::integer::oid "
            "and objid = $2::integer::oid and not granted "
            "and database = (select oid from pg_database where datname = current_database())",
            *LOCK,
            count,
        )
    )


async def test_an_insert_rings_only_while_the_bell_is_armed(database: Any, connection: Any) -> None:
    bell = Doorbell(database.dsn)
    assert await bell.arm() is ArmResult.ARMED
    await connection.execute(INSERT)
    async with asyncio.timeout(120):
        await bell.rung.wait()
    await bell.disarm()
    bell.rung.clear()
    await connection.execute(INSERT)
    await bell.probe()
    assert not bell.rung.is_set()
    await bell.close()


async def test_the_bell_cannot_be_armed_while_one_that_did_not_ring_is_open(database: Any, connection: Any) -> None:
    bell = Doorbell(database.dsn)
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.execute(INSERT)
    assert await bell.arm() is ArmResult.NOT_ARMED
    await transaction.commit()
    # The wait in the queue ends, so that the caller looks and arms again.
    await rings(bell)
    assert await bell.arm() is ArmResult.ARMED
    await bell.close()


async def test_an_insert_rings_beside_a_transaction_that_stays_open(
    database: Any, connection: Any, stranger: Any
) -> None:
    bell = Doorbell(database.dsn)
    async with opened(bell):
        assert await bell.arm() is ArmResult.NOT_ARMED
        await waits(connection)
        for _ in range(3):
            await connection.execute(INSERT)
            await rings(bell)
            # The message was sent, and there is no other. The wait was not interrupted, so the next one rings too.
            await bell.disarm()
            assert await bell.arm() is ArmResult.NOT_ARMED
        assert not bell.armed
        await waits(connection)


async def test_the_end_of_that_transaction_wakes_the_sleeper(database: Any, connection: Any, stranger: Any) -> None:
    bell = Doorbell(database.dsn)
    async with opened(bell):
        assert await bell.arm() is ArmResult.NOT_ARMED
        await waits(connection)
        # This transaction holds the lock already, so its other inserts do not ring either.
        await stranger.execute(INSERT)
        assert not bell.rung.is_set()
        await stranger.execute("commit")
        await rings(bell)
        assert await connection.fetchval("select count(*) from smsgw.outbox") == 2
        assert await bell.arm() is ArmResult.ARMED


async def test_a_wait_is_renewed(
    database: Any, connection: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait is short, because it holds a snapshot and outlives a process that dies."""
    monkeypatch.setattr(doorbell, "QUEUE_SECONDS", 0.05)
    bell = Doorbell(database.dsn)
    async with opened(bell):
        for _ in range(3):
            assert await bell.arm() is ArmResult.NOT_ARMED
            await rings(bell)
        await waits(connection, 0)


async def test_replicas_hear_the_one_that_waits(database: Any, connection: Any, stranger: Any) -> None:
    waiter, other = Doorbell(database.dsn), Doorbell(database.dsn)
    async with opened(waiter, other):
        assert await waiter.arm() is ArmResult.NOT_ARMED
        await waits(connection)
        assert await other.arm() is ArmResult.HELD_BY_PEER
        await connection.execute(INSERT)
        await asyncio.gather(rings(waiter), rings(other))
        await stranger.execute("commit")
        await rings(waiter)
        assert await waiter.arm() is ArmResult.ARMED
        assert await other.arm() is ArmResult.HELD_BY_PEER


async def test_replicas_that_wait_together_both_wake(database: Any, connection: Any, stranger: Any) -> None:
    """None keeps the lock for longer than its statement, so none waits for another."""
    bells = [Doorbell(database.dsn) for _ in range(3)]
    async with opened(*bells):
        await asyncio.gather(*(bell._session() for bell in bells))
        for bell in bells:
            bell._queue.join()
        await waits(connection, 3)
        await stranger.execute("commit")
        await asyncio.gather(*map(rings, bells))
        results = [await bell.arm() for bell in bells]
        assert results == [ArmResult.ARMED, ArmResult.HELD_BY_PEER, ArmResult.HELD_BY_PEER]


async def test_lost_sessions_are_replaced_beside_a_transaction_that_stays_open(
    database: Any, connection: Any, stranger: Any
) -> None:
    bell = Doorbell(database.dsn)
    async with opened(bell):
        assert await bell.arm() is ArmResult.NOT_ARMED
        await waits(connection)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name like 'smsgw doorbell%' and datname = current_database()"
        )
        await rings(bell)

        async def waits_again() -> bool:
            assert await bell.arm() is ArmResult.NOT_ARMED
            return bell._queue.waiting

        await poll(waits_again)
        await waits(connection)
        await connection.execute(INSERT)
        await rings(bell)


async def test_a_closed_bell_waits_for_nothing(database: Any, connection: Any, stranger: Any) -> None:
    bell = Doorbell(database.dsn)
    assert await bell.arm() is ArmResult.NOT_ARMED
    await waits(connection)
    await bell.close()
    await waits(connection, 0)
    await connection.execute(INSERT)


async def test_an_old_snapshot_rings_too(database: Any, connection: Any) -> None:
    bell = Doorbell(database.dsn)
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.fetchval("select count(*) from smsgw.lane")
    assert await bell.arm() is ArmResult.ARMED
    await connection.execute(INSERT)
    await transaction.commit()
    async with asyncio.timeout(120):
        await bell.rung.wait()
    await bell.close()


async def test_one_replica_keeps_the_bell_and_all_hear_it(database: Any, connection: Any) -> None:
    keeper, other = Doorbell(database.dsn), Doorbell(database.dsn)
    assert await keeper.arm() is ArmResult.ARMED
    assert await other.arm() is ArmResult.HELD_BY_PEER
    await connection.execute(INSERT)
    async with asyncio.timeout(120):
        await asyncio.gather(keeper.rung.wait(), other.rung.wait())
    await keeper.close()
    await other.close()


async def test_a_lost_session_is_replaced(database: Any, connection: Any) -> None:
    bell = Doorbell(database.dsn)
    await bell.arm()
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'smsgw doorbell' and datname = current_database()"
    )
    async with asyncio.timeout(120):
        await bell.rung.wait()
    assert not bell.armed
    assert await bell.arm() is ArmResult.ARMED
    await bell.close()


async def test_a_database_that_is_away_leaves_the_bell_open() -> None:
    bell = Doorbell("postgresql://nobody@127.0.0.1:1/none")
    assert await bell.arm() is ArmResult.NOT_ARMED
