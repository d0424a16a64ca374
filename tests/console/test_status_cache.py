"""The status cache: concurrent readers share one read, samples are stored, streams end with the process."""

import asyncio
from typing import Any

from support.outbox import enqueue

from gateway.console.status_cache import StatusCache
from gateway.store import samples

STEP = "select floor(extract(epoch from clock_timestamp()) / 5)::int"
"""The number of the step that it is now."""


async def recent_samples(pool: Any) -> list[samples.Sample]:
    async with pool.acquire() as connection:
        return await samples.since(connection, 60)


async def cohorts(pool: Any) -> list[samples.Cohort]:
    async with pool.acquire() as connection:
        return await samples.cohorts(connection)


async def test_concurrent_readers_share_one_read(pool: Any) -> None:
    cache = StatusCache(pool, max_recipients=500)
    first, second = await asyncio.gather(cache.refresh(), cache.snapshot())
    assert first.report.at == second.report.at
    assert (await cache.snapshot()).report.at == first.report.at


async def test_a_refresh_stores_one_sample_per_step(pool: Any, connection: Any) -> None:
    await enqueue(connection, 1, lane="bulk")
    first = await connection.fetchval(STEP)
    for _ in range(3):
        await StatusCache(pool, max_recipients=500).refresh()
    steps = 1 + (await connection.fetchval(STEP) - first)
    rows = await recent_samples(pool)
    assert 1 <= len(rows) <= min(steps, 3)
    assert rows[0].waiting["bulk"] == 1
    assert rows[0].waiting["otp"] == 0


async def test_old_samples_are_deleted(pool: Any, connection: Any) -> None:
    await connection.execute(
        "insert into smsgw.sample (at, waiting, oldest, sent, limiter) "
        "select now() - n * interval '1 hour', '{}', '{}', '{}', '{}' from generate_series(1, 48) as n"
    )
    await StatusCache(pool, max_recipients=500).refresh()
    assert await connection.fetchval("select min(at) > now() - interval '25 hours' from smsgw.sample")


async def test_a_subscription_yields_each_new_snapshot_and_ends_when_the_process_stops(pool: Any) -> None:
    cache = StatusCache(pool, max_recipients=500)
    first = await cache.refresh()
    seen = []

    async def follow() -> None:
        async for snapshot in cache.subscribe():
            seen.append(snapshot.taken_at)
            if len(seen) == 1:
                await cache.refresh()
            else:
                cache.close()

    async with asyncio.timeout(120):
        await follow()
    assert seen[0] == first.taken_at
    assert seen[1] > first.taken_at


async def test_cohorts_count_messages_by_result(pool: Any, connection: Any) -> None:
    ids = [await enqueue(connection, number) for number in range(4)]
    await connection.execute(
        "insert into smsgw.request (id, accepted_at, status, parts, pending_receipts, route, lane, tenant, "
        "external_id, members) "
        "values (smsgw.min_request_id_at(now()), now(), 'accepted', 4, 2, 'mta', 'default', '', 'x', $1)",
        ids,
    )
    await connection.execute(
        "update smsgw.outbox set request_id = (select id from smsgw.request), "
        "delivery_status = (array['delivered', 'failed', 'sent', 'none']::smsgw.delivery_status[])[1 + (id - $1)] ",
        ids[0],
    )
    newest = (await cohorts(pool))[-1]
    assert (newest.messages, newest.looked_at) == (4, 4)
    assert (newest.delivered, newest.undelivered, newest.awaiting, newest.not_accepted) == (1, 1, 2, 0)


async def test_a_request_counts_as_sent_in_the_step_it_was_created_in(pool: Any, connection: Any) -> None:
    # One in each step from the last one to one in five minutes, because steps may end while the test runs.
    await connection.execute(
        "insert into smsgw.request (id, parts, pending_receipts, route, lane, tenant, external_id, members) "
        "select smsgw.min_request_id_at(date_bin('5 seconds', now(), 'epoch') + n * interval '5 seconds' "
        "+ interval '1 second'), 3, 3, 'mta', 'bulk', '', 'x', array[1, 2, 3] from generate_series(-2, 60) as n"
    )
    await StatusCache(pool, max_recipients=500).refresh()
    assert [row.sent["bulk"] for row in await recent_samples(pool)] == [3.0]
