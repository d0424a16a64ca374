"""A login code that is committed while a claim waits for the limiter's lock gets the last token."""

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
async def one(db: Any, worker: Callable[..., Worker]) -> Worker:
    """A worker that has configured its buckets and has bulk messages to send."""
    one = worker(recipients=1)
    for n in range(3):
        await enqueue(db, n, lane="bulk")
    await one.claim(0)
    return one


@asynccontextmanager
async def limiter_held(pool: Pool) -> AsyncIterator[Any]:
    """Hold the limiter's lock, like another claim that takes long."""
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("select from smsgw.bucket where name = 'mta:requests' for update")
        yield holder


async def claim_while_a_code_commits(one: Worker, pool: Pool, db: Any) -> "tuple[asyncio.Task[Any], int]":
    async with limiter_held(pool):
        claiming = asyncio.create_task(one.claimer.claim(10))
        await poll(lambda: db.fetchval(BLOCKED), every=0.01)
        code = await enqueue(db, 9, lane="otp")
    return claiming, code


async def test_the_last_token_goes_to_the_code(one: Worker, pool: Pool, db: Any) -> None:
    await db.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, code = await claim_while_a_code_commits(one, pool, db)
    first = await claiming
    assert (first.attempts, first.claim_again) == ([], True)
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_with_enough_tokens_the_scan_is_not_repeated(one: Worker, pool: Pool, db: Any) -> None:
    claiming, code = await claim_while_a_code_commits(one, pool, db)
    assert {attempt.lane for attempt in (await claiming).attempts} == {"bulk"}
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_a_paused_urgent_message_delays_no_other(one: Worker, pool: Pool, db: Any) -> None:
    await pauses.pause(db, Scope.LANE, "otp", actor="test", reason="a test")
    await db.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, _ = await claim_while_a_code_commits(one, pool, db)
    assert [attempt.lane for attempt in (await claiming).attempts] == ["bulk"]


async def test_a_code_is_seen_next_to_an_urgent_queue_without_tokens(one: Worker, pool: Pool, db: Any) -> None:
    """The cap of one urgent lane is used up, and the code is of another urgent lane."""
    await db.execute(
        "insert into smsgw.lane (name, urgent, cap_percent, ttl) values ('alarm', true, 50, '1 hour') "
        "on conflict (name) do update set urgent = true, cap_percent = 50"
    )
    await enqueue(db, 8, lane="alarm")
    await one.claim(0)
    await db.execute("update smsgw.bucket set period = 1e9, tokens = 0, counted_at = now()")
    await grant(db, "mta:requests", 1.5)
    claiming, code = await claim_while_a_code_commits(one, pool, db)
    assert (await claiming).claim_again
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages or ()] == [code]


async def test_the_scan_is_repeated_only_once_before_a_claim(
    one: Worker, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(*_: Any, **__: Any) -> bool:
        return True

    monkeypatch.setattr(QueueScanner, "sees_new_urgent", always)
    await db.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    assert (await one.claimer.claim(10)).claim_again
    assert len(await one.claim()) == 1


async def test_a_slow_scan_is_not_repeated_under_the_lock(
    one: Worker, pool: Pool, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer, "MAX_RESCAN_SECONDS", 0.0)
    await db.execute("update smsgw.bucket set period = 1e9, tokens = 1.5, counted_at = now()")
    claiming, _ = await claim_while_a_code_commits(one, pool, db)
    assert [attempt.lane for attempt in (await claiming).attempts] == ["bulk"]
