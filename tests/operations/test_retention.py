"""Forgetting what ended long ago, and nothing else."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.operating import accepted, deliver, expired, failed, someone_waits, uncertain
from support.outbox import enqueue, status

from gateway.maintenance.retention import Retention
from gateway.operations import replay
from gateway.store import retention
from gateway.store.filters import Filters
from gateway.store.sql import query

Make = Callable[..., Any]
DAY = 86400.0


async def pass_over(pool: Any, days: float = 30.0) -> Any:
    return await Retention(pool, days * DAY, sleep=_at_once).once()


async def age_everything(operator: Any, days: int = 60) -> None:
    """Let everything have happened so long ago."""
    past = timedelta(days=days)
    await operator.execute(
        "update smsgw.outbox set created_at = created_at - $1::interval, not_before = not_before - $1::interval, "
        "final_at = final_at - $1::interval",
        past,
    )
    await operator.execute("update smsgw.receipt set received_at = received_at - $1::interval", past)


async def counts(operator: Any) -> dict[str, int]:
    tables = ("outbox", "request", "attempt", "receipt", "group_delivery")
    return {table: await operator.fetchval(f"select count(*) from smsgw.{table}") for table in tables}


async def test_what_ended_long_ago_is_forgotten_with_everything_that_belongs_to_it(
    operator: Any, worker: Make, pool: Any
) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    await failed(operator, worker(), 2)
    (done,) = await accepted(operator, worker())
    await deliver(operator, done)
    await expired(operator)
    await age_everything(operator)
    result = await pass_over(pool)
    assert (result.messages, result.requests) == (4, 3)
    assert set((await counts(operator)).values()) == {0}


async def test_what_is_open_stays_however_old(operator: Any, worker: Make, pool: Any) -> None:
    await uncertain(operator, worker(), 2)
    await operator.execute("update smsgw.lane set coalesce = false")
    await accepted(operator, worker())
    await enqueue(operator, 9)
    await age_everything(operator)
    before = await counts(operator)
    assert (await pass_over(pool)).messages == 0
    assert await counts(operator) == before


async def test_what_ended_lately_stays(operator: Any, worker: Make, pool: Any) -> None:
    await failed(operator, worker())
    await age_everything(operator, days=29)
    assert (await pass_over(pool)).messages == 0
    await age_everything(operator, days=2)
    assert (await pass_over(pool)).messages == 1


async def test_a_request_stays_until_its_last_message_is_forgotten(operator: Any, worker: Make, pool: Any) -> None:
    await operator.execute("update smsgw.lane set coalesce = true")
    made = [await enqueue(operator, index) for index in range(3)]
    one = worker()
    await one.complete(*await one.claim(1))
    await deliver(operator, made[0])
    await deliver(operator, made[1])
    await age_everything(operator)
    result = await pass_over(pool)
    assert (result.messages, result.requests) == (2, 0)
    await deliver(operator, made[2])
    await age_everything(operator)
    assert (await pass_over(pool)).requests == 1
    assert set((await counts(operator)).values()) == {0}


async def test_requests_that_carried_a_message_earlier_go_with_it(operator: Any, worker: Make, pool: Any) -> None:
    one = worker()
    await failed(operator, one)
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor="a")
    await replay.run(operator, begun.id)
    one.provider.answers.append(status(400))
    await one.send_all()
    await age_everything(operator)
    assert (await pass_over(pool)).requests == 2
    assert set((await counts(operator)).values()) == {0}
    assert await operator.fetchval("select count(*) from smsgw.operator_action") == 1


async def test_receipts_of_nobody_go_and_those_not_yet_folded_stay(operator: Any, pool: Any) -> None:
    await operator.execute(
        "insert into smsgw.receipt (source, event, digest, raw, applied_at, result) values "
        "('webhook', 'other', sha256('a'), '', now(), 'noted'), ('webhook', 'other', sha256('b'), '', null, null)"
    )
    await age_everything(operator)
    assert (await pass_over(pool)).receipts == 1
    assert await operator.fetchval("select count(*) from smsgw.receipt where applied_at is null") == 1


async def test_only_one_process_works_at_a_time(operator: Any, worker: Make, pool: Any) -> None:
    await failed(operator, worker())
    await age_everything(operator)
    async with pool.acquire() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock($1, $2)", 1936552807, retention.LOCK)
        assert (await pass_over(pool)).messages == 0
    assert (await pass_over(pool)).messages == 1


async def test_a_message_that_is_replayed_at_this_moment_stays(operator: Any, worker: Make, pool: Any) -> None:
    (message_id,) = await failed(operator, worker())
    await age_everything(operator)
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor="a")
    async with pool.acquire() as other, other.transaction():
        await replay.step(other, begun.id)
        passing = asyncio.create_task(pass_over(pool))
        async with pool.acquire() as watcher:
            await someone_waits(watcher)
    assert (await passing).messages == 0
    assert await operator.fetchval("select count(*) from smsgw.outbox where id = $1", message_id) == 1


async def test_the_gateways_role_may_forget(operator: Any, worker: Make, database: Any) -> None:
    from gateway.store.pool import open_pool

    await failed(operator, worker())
    await age_everything(operator)
    limited = await open_pool(f"{database.dsn}?options=-c%20role%3Dsmsgw_gateway", purpose="test", max_size=2)
    try:
        assert (await pass_over(limited)).messages == 1
    finally:
        await limited.close()


@pytest.mark.parametrize("name", ["list_retention_candidates", "lock_ended_messages", "lock_earlier_requests"])
async def test_forgetting_goes_by_the_primary_key(operator: Any, name: str) -> None:
    await operator.execute(
        "insert into smsgw.outbox (to_number, body) select '+12025550123', 'x' from generate_series(1, 20000)"
    )
    await operator.execute("analyze smsgw.outbox")
    moment = await operator.fetchval("select now()")
    ids = list(range(1, 1000))
    arguments = {
        "list_retention_candidates": (0, 20000, 1000, moment),
        "lock_ended_messages": (ids, moment),
        "lock_earlier_requests": (ids,),
    }[name]
    rows = await operator.fetch(f"explain {query(name)}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert "outbox_pkey" in plan
    assert "Seq Scan on outbox" not in plan


async def test_the_loop_survives_a_database_that_is_away(pool: Any) -> None:
    slept = asyncio.Event()

    async def sleep(_: float) -> None:
        slept.set()
        await asyncio.sleep(0.01)

    class Away:
        def acquire(self) -> Any:
            raise ConnectionRefusedError

    running = asyncio.create_task(Retention(Away(), DAY, sleep=sleep).run())  # type: ignore[arg-type]
    async with asyncio.timeout(120):
        await slept.wait()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)
