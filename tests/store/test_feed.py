"""The feed of final states: nobody who reads on from his last place ever misses one."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from support.outbox import enqueue
from support.receipts import event, make_message, tell

from gateway.store import feed
from gateway.store.pool import Pool

END = (
    "update smsgw.outbox set terminal_status = 'cancelled', reason = 'x: y', final_at = clock_timestamp() where id = $1"
)


async def read(connection: Any, after: int = 0, limit: int = 1000) -> list[tuple[int, int, str]]:
    rows = await connection.fetch("select position, message_id, state from smsgw.final_states($1, $2)", after, limit)
    return [tuple(row) for row in rows]


async def test_what_commits_late_gets_a_later_place_and_is_not_missed(pool: Pool, database: Any) -> None:
    late = await asyncpg.connect(database.dsn)
    async with pool.acquire() as connection:
        first, second = [await enqueue(connection, number) for number in (1, 2)]
        transaction = late.transaction()
        await transaction.start()
        await late.execute(END, first)
        await connection.execute(END, second)
        assert await feed.publish(pool, 100) == 1
        seen = await read(connection)
        assert [message for _, message, _ in seen] == [second]
        await transaction.commit()
        assert await feed.publish(pool, 100) == 1
        assert [message for _, message, _ in await read(connection, seen[-1][0])] == [first]
    await late.close()


async def test_a_reader_who_reads_on_sees_everything_once_beside_writers_and_placers(pool: Pool) -> None:
    async with pool.acquire() as connection:
        ids = [await enqueue(connection, number) for number in range(200)]
    rng = random.Random(1)
    seen: list[tuple[int, int, str]] = []

    async def write(mine: list[int]) -> None:
        for message_id in mine:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(END, message_id)
                await asyncio.sleep(rng.choice((0, 0, 0.002, 0.02)))

    async def place() -> None:
        while len(seen) < len(ids):
            await feed.publish(pool, 7)
            await asyncio.sleep(0)

    async def follow() -> None:
        async with pool.acquire() as connection:
            while len(seen) < len(ids):
                seen.extend(await read(connection, seen[-1][0] if seen else 0, 5))
                await asyncio.sleep(0)

    async with asyncio.timeout(120):
        await asyncio.gather(*(write(ids[n::4]) for n in range(4)), place(), place(), follow())
    assert sorted(message for _, message, _ in seen) == ids
    assert [one for one, _, _ in seen] == sorted({one for one, _, _ in seen})


async def test_a_late_receipt_that_changes_a_final_state_is_told_again(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, event(request, "undelivered"), event(request, "delivered"), event(request, "delivered", again=1))
    await feed.publish(pool, 100)
    async with pool.acquire() as connection:
        assert [row[1:] for row in await read(connection)] == [(message_id, "undelivered"), (message_id, "delivered")]


async def test_an_application_waits_for_the_bell_and_reads_with_its_own_rights(pool: Pool, database: Any) -> None:
    rung = asyncio.Event()
    ears = await asyncpg.connect(database.dsn)
    await ears.add_listener(feed.CHANNEL, lambda *_: rung.set())
    async with pool.acquire() as connection:
        message_id = await enqueue(connection, 1)
        await connection.execute(END, message_id)
        await feed.publish(pool, 100)
        async with asyncio.timeout(120):
            await rung.wait()
        async with connection.transaction():
            await connection.execute("set local role smsgw_app")
            assert [row[1:] for row in await read(connection)] == [(message_id, "cancelled")]
        await connection.execute("set role smsgw_app")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from smsgw.final_feed")
    await ears.close()


async def test_old_places_are_forgotten_and_new_ones_kept(pool: Pool) -> None:
    async with pool.acquire() as connection:
        old, new = [await enqueue(connection, number) for number in (1, 2)]
        for message_id in (old, new):
            await connection.execute(END, message_id)
            await feed.publish(pool, 100)
        await connection.execute(
            "update smsgw.final_feed set published_at = now() - interval '31 days' where message_id = $1", old
        )
        assert await feed.delete_old(pool, 100) == 1
        assert [message for _, message, _ in await read(connection)] == [new]
