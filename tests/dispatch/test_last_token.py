"""A code that is committed while a claim waits for the limiter gets the token that the claim came for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.outbox import enqueue, grant
from support.processes import poll
from support.workers import Worker

from gateway.dispatch import claimer
from gateway.dispatch.scanner import QueueScanner
from gateway.store import pauses
from gateway.store.pauses import Scope
from gateway.store.pool import Pool

BLOCKED = """
    select exists (
        select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
    )
"""


@pytest.fixture
async def one(filled: Any, worker: Callable[..., Worker]) -> Worker:
    """A worker who has seen its buckets, and for whom bulk messages wait."""
    one = worker(recipients=1)
    for n in range(3):
        await enqueue(filled, n, lane="bulk")
    await one.claim(0)
    return one


@asynccontextmanager
async def limiter_held(pool: Pool) -> AsyncIterator[Any]:
    """Be another claim, which has the limiter's lock for long."""
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("select from smsgw.bucket where name = 'mta:requests' for update")
        yield holder


async def claim_behind_a_code(one: Worker, pool: Pool, filled: Any) -> "tuple[asyncio.Task[Any], int]":
    async with limiter_held(pool):
        claiming = asyncio.create_task(one.claimer.claim(10))
        await poll(lambda: filled.fetchval(BLOCKED), every=0.01)
        code = await enqueue(filled, 9, lane="otp")
    return claiming, code


async def test_the_last_token_is_not_for_others(one: Worker, pool: Pool, filled: Any) -> None:
    await filled.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, code = await claim_behind_a_code(one, pool, filled)
    first = await claiming
    assert (first.attempts, first.claim_again) == ([], True)
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_with_tokens_to_spare_nobody_looks_again(one: Worker, pool: Pool, filled: Any) -> None:
    claiming, code = await claim_behind_a_code(one, pool, filled)
    assert {attempt.lane for attempt in (await claiming).attempts} == {"bulk"}
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_an_urgent_message_that_may_not_go_stops_nobody(one: Worker, pool: Pool, filled: Any) -> None:
    await pauses.pause(filled, Scope.LANE, "otp", actor="test", reason="a test")
    await filled.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, _ = await claim_behind_a_code(one, pool, filled)
    assert [attempt.lane for attempt in (await claiming).attempts] == ["bulk"]


async def test_a_code_is_seen_beside_an_urgent_queue_that_may_not_go(one: Worker, pool: Pool, filled: Any) -> None:
    """The cap of the lane is used up; the code is of another urgent lane."""
    await filled.execute(
        "insert into smsgw.lane (name, urgent, cap_percent, ttl) values ('alarm', true, 50, '1 hour') "
        "on conflict (name) do update set urgent = true, cap_percent = 50"
    )
    await enqueue(filled, 8, lane="alarm")
    await one.claim(0)
    await filled.execute("update smsgw.bucket set period = 1e9, tokens = 0, counted_at = now()")
    await grant(filled, "mta:requests", 1.5)
    claiming, code = await claim_behind_a_code(one, pool, filled)
    assert (await claiming).more
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_it_is_asked_once_before_a_claim_and_not_for_ever(
    one: Worker, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(*_: Any, **__: Any) -> bool:
        return True

    monkeypatch.setattr(QueueScanner, "sees_new_urgent", always)
    await filled.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    assert (await one.claimer.claim(10)).more
    assert len(await one.claim()) == 1


async def test_where_a_look_is_dear_nobody_repeats_it_under_the_lock(
    one: Worker, pool: Pool, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer, "MAX_RESCAN_SECONDS", 0.0)
    await filled.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, _ = await claim_behind_a_code(one, pool, filled)
    assert [attempt.lane for attempt in (await claiming).attempts] == ["bulk"]
