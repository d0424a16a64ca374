"""No commit falls between the last look and the sleep."""

import asyncio
from typing import Any

from gateway.store.doorbell import ArmResult, Doorbell

INSERT = "insert into smsgw.outbox (to_number, body) values ('+12025550123', 'x')"


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
    assert await bell.arm() is ArmResult.ARMED
    await bell.close()


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
