"""The shared look: one question for all who ask, samples on record, streams that end with the process."""

import asyncio
from typing import Any

from support.outbox import enqueue

from gateway.console.status_cache import StatusCache
from gateway.store import samples


async def pool_since(pool: Any) -> list[samples.Sample]:
    async with pool.acquire() as connection:
        return await samples.since(connection, 60)


async def cohorts(pool: Any) -> list[samples.Cohort]:
    async with pool.acquire() as connection:
        return await samples.cohorts(connection)


async def test_who_asks_together_shares_one_look(pool: Any) -> None:
    watch = StatusCache(pool, max_recipients=500)
    first, second = await asyncio.gather(watch.look(), watch.latest())
    assert first.now.at == second.now.at
    assert (await watch.latest()).now.at == first.now.at


async def test_a_look_leaves_one_sample_for_each_step(pool: Any, connection: Any) -> None:
    await enqueue(connection, 1, lane="bulk")
    for _ in range(3):
        await StatusCache(pool, max_recipients=500).look()
    rows = await pool_since(pool)
    assert 1 <= len(rows) <= 2
    assert rows[0].waiting["bulk"] == 1
    assert rows[0].waiting["otp"] == 0


async def test_old_samples_are_forgotten(pool: Any, connection: Any) -> None:
    await connection.execute(
        "insert into smsgw.sample (at, waiting, oldest, sent, limiter) "
        "select now() - n * interval '1 hour', '{}', '{}', '{}', '{}' from generate_series(1, 48) as n"
    )
    await StatusCache(pool, max_recipients=500).look()
    assert await connection.fetchval("select min(at) > now() - interval '25 hours' from smsgw.sample")


async def test_a_stream_yields_each_new_look_and_ends_with_the_process(pool: Any) -> None:
    watch = StatusCache(pool, max_recipients=500)
    first = await watch.look()
    seen = []

    async def follow() -> None:
        async for look in watch.each():
            seen.append(look.at)
            if len(seen) == 1:
                await watch.look()
            else:
                watch.close()

    async with asyncio.timeout(30):
        await follow()
    assert seen[0] == first.at
    assert seen[1] > first.at


async def test_cohorts_count_what_became_of_the_messages(pool: Any, connection: Any) -> None:
    ids = [await enqueue(connection, number) for number in range(4)]
    await connection.execute(
        "insert into smsgw.request (id, due_at, accepted_at, dispatch, parts, unsettled, route, lane, tenant, "
        "external_id, members) "
        "values (smsgw.request_floor(now()), now(), now(), 'accepted', 4, 2, 'mta', 'default', '', 'x', $1)",
        ids,
    )
    await connection.execute(
        "update smsgw.outbox set request_id = (select id from smsgw.request), "
        "delivery = (array['delivered', 'failed', 'sent', 'none']::smsgw.delivery[])[1 + (id - $1)] ",
        ids[0],
    )
    newest = (await cohorts(pool))[-1]
    assert (newest.messages, newest.looked_at) == (4, 4)
    assert (newest.delivered, newest.undelivered, newest.awaiting, newest.not_accepted) == (1, 1, 2, 0)


async def test_a_request_counts_as_sent_in_the_step_it_was_made_in(pool: Any, connection: Any) -> None:
    # In each of the last steps, so that the test may run across the end of one.
    await connection.execute(
        "insert into smsgw.request (id, due_at, parts, unsettled, route, lane, tenant, external_id, members) "
        "select smsgw.request_floor(date_bin('5 seconds', now(), 'epoch') + n * interval '5 seconds' "
        "+ interval '1 second'), now(), 3, 3, 'mta', 'bulk', '', 'x', array[1, 2, 3] from generate_series(-2, 1) as n"
    )
    await StatusCache(pool, max_recipients=500).look()
    assert [row.sent["bulk"] for row in await pool_since(pool)] == [3.0]
