"""Incremental scans after a slow one: they miss nothing that is urgent, and nothing permanently."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import enqueue, grant, make_due
from support.workers import FakeProvider, Worker, make_worker

from gateway.dispatch import cursors
from gateway.store import claims, pauses
from gateway.store.buckets import Limit, LimitKind
from gateway.store.pauses import Scope
from gateway.store.pool import Pool


class Clock:
    """Stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow(worker: Callable[..., Worker], clock: Clock) -> Worker:
    """A worker for which every scan is slow, with one message per request."""
    return worker(slow_scan=0.0, recipients=1, monotonic=clock)


async def claimed(worker: Worker, slots: int = 1) -> list[int]:
    """Return the messages of one claim."""
    return [message.id for attempt in await worker.claim(slots) for message in attempt.messages or ()]


async def put_in_front(connection: Any, message_id: int) -> None:
    """Give a message the earliest `not_before`, as if its transaction had begun first and committed last."""
    await connection.execute(
        "update smsgw.outbox set not_before = not_before - interval '1 minute' where id = $1", message_id
    )


async def test_after_a_slow_scan_claims_continue_at_the_cursor(db: Any, slow: Worker) -> None:
    ids = [await enqueue(db, n) for n in range(4)]
    assert await claimed(slow) == ids[:1]
    await put_in_front(db, late := await enqueue(db, 9))
    assert await claimed(slow, 2) == ids[1:3]
    assert await claimed(slow, 2) == [ids[3]]
    assert await claimed(slow, 2) == [late]


async def test_an_urgent_message_is_seen_by_the_next_claim(db: Any, slow: Worker) -> None:
    ids = [await enqueue(db, n) for n in range(3)]
    assert await claimed(slow) == ids[:1]
    code = await enqueue(db, 9, lane="otp")
    assert await claimed(slow) == [code]


async def test_another_queue_waits_for_the_next_complete_scan(db: Any, slow: Worker, clock: Clock) -> None:
    ids = [await enqueue(db, n, tenant="a") for n in range(30)]
    assert await claimed(slow, 10) == ids[:10]
    other = await enqueue(db, 9, tenant="b")
    assert await claimed(slow, 10) == ids[10:20]
    clock.now += 10.0
    assert other in await claimed(slow, 10)


async def test_when_its_known_queues_are_empty_a_process_scans_all_before_it_sleeps(db: Any, slow: Worker) -> None:
    first = [await enqueue(db, n, tenant="a") for n in range(2)]
    assert await claimed(slow, 1) == first[:1]
    other = await enqueue(db, 9, tenant="b")
    assert await claimed(slow, 5) == first[1:]
    assert await claimed(slow, 5) == [other]


async def test_a_pause_stops_a_known_queue_at_once(db: Any, slow: Worker) -> None:
    ids = [await enqueue(db, n) for n in range(3)]
    assert await claimed(slow) == ids[:1]
    await pauses.pause(db, Scope.LANE, "default", actor="test", reason="a test")
    assert await claimed(slow) == []


async def test_incremental_scans_keep_the_fair_share(db: Any, slow: Worker) -> None:
    for n in range(20):
        for lane in ("default", "bulk"):
            await enqueue(db, n, lane=lane)
    lanes = [attempt.lane for _ in range(20) for attempt in await slow.claim(1)]
    assert (lanes.count("default"), lanes.count("bulk")) == (16, 4)


async def test_a_retry_is_found_by_the_next_complete_scan(db: Any, slow: Worker, clock: Clock) -> None:
    ids = [await enqueue(db, n) for n in range(20)]
    assert await claimed(slow) == ids[:1]
    await db.execute("update smsgw.request set lease_expires_at = now() - interval '1 second'")
    assert await claimed(slow) == ids[1:2]
    clock.now += 10.0
    await db.execute(
        "update smsgw.request set lease_expires_at = now() - interval '1 second' where claim_token is not null"
    )
    assert [attempt.number for attempt in await slow.claim(1)] == [2]


async def test_a_suspect_request_is_found_when_nothing_is_in_flight(db: Any, worker: Callable[..., Worker]) -> None:
    await enqueue(db, 0)
    for _ in range(2):
        await worker(recipients=1).claim()
        await make_due(db)
    for n in range(1, 9):
        await enqueue(db, n)
    one = worker(slow_scan=0.0, recipients=1, monotonic=Clock())
    busy = await one.claimer.claim(2, idle=False)
    assert (busy.suspects_due, len(busy.attempts)) == (True, 2)
    (suspect,) = (await one.claimer.claim(2, idle=True)).attempts
    assert suspect.number == 3


async def test_messages_that_do_not_fit_the_request_come_first_in_the_next(
    db: Any, worker: Callable[..., Worker], clock: Clock
) -> None:
    """Two campaigns in one queue: a request has messages of one of them, and those of the other were read in vain."""
    one = worker(slow_scan=0.0, monotonic=clock)
    ids = [await enqueue(db, n, tags={"campaign": str(n % 2)}) for n in range(16)]
    taken = [await claimed(one) for _ in range(2)]
    assert taken == [ids[::2], ids[1::2]]


async def test_messages_that_the_pace_left_over_go_before_later_ones(
    db: Any, worker: Callable[..., Worker], clock: Clock
) -> None:
    one = worker(slow_scan=0.0, recipients=1, parts=Limit("parts", 600.0, 60.0, LimitKind.PACE), monotonic=clock)
    ids = [await enqueue(db, n, body="y" * 300) for n in range(30)]
    await one.claim()
    taken = []
    for _ in range(4):
        await grant(db, "mta:parts:1", 10.0)
        taken += await claimed(one, 20)
    assert taken == [one for one in ids if one in taken]
    assert len(taken) > 10
    assert taken == ids[ids.index(taken[0]) :][: len(taken)]


async def test_a_claim_that_is_rolled_back_moves_no_cursor(
    db: Any, slow: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await enqueue(db, n) for n in range(4)]
    assert await claimed(slow) == ids[:1]
    with monkeypatch.context() as broken:
        broken.setattr(claims, "create_requests", _fail)
        with pytest.raises(ConnectionError):
            await slow.claim(1)
    assert await claimed(slow) == ids[1:2]


async def _fail(*_: Any) -> None:
    raise ConnectionError


async def test_waiting_for_a_token_keeps_the_cursors(db: Any, slow: Worker) -> None:
    ids = [await enqueue(db, n) for n in range(4)]
    await slow.claim(0)
    await grant(db, "mta:requests", 1.0)
    assert await claimed(slow) == ids[:1]
    assert await claimed(slow) == []
    await put_in_front(db, await enqueue(db, 9))
    await grant(db, "mta:requests", 1.0)
    assert await claimed(slow) == ids[1:2]


async def test_fast_scans_are_always_complete(db: Any, worker: Callable[..., Worker]) -> None:
    one = worker(slow_scan=60.0, recipients=1)
    ids = [await enqueue(db, n) for n in range(3)]
    assert await claimed(one) == ids[:1]
    await put_in_front(db, late := await enqueue(db, 9))
    assert await claimed(one) == [late]


async def test_two_processes_with_slow_scans_send_every_message_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursors, "COMPLETE_SCAN_TIME_SHARE", 0.01)
    provider: Any = FakeProvider()
    workers = [make_worker(pool, provider, slow_scan=0.0, recipients=3) for _ in range(2)]
    ids: list[int] = []

    async def application(tenant: str) -> None:
        for n in range(60):
            async with pool.acquire() as connection:
                ids.append(await enqueue(connection, n, tenant=tenant, lane=("bulk", "default", "otp")[n % 3]))

    async def gateway(worker: Worker) -> None:
        async with asyncio.timeout(120):
            while len(provider.sent) < 1 or await waiting() > 0:
                await worker.send_all()

    async def waiting() -> int:
        async with pool.acquire() as connection:
            left = await connection.fetchval(
                "select count(*) from smsgw.message where state in ('ready', 'sending', 'retrying')"
            )
        return int(left) + 180 - len(ids)

    await asyncio.gather(*(application(tenant) for tenant in "abc"), *(gateway(worker) for worker in workers))
    assert len(ids) == 180
    async with pool.acquire() as connection:
        bound = await connection.fetch("select unnest(members) as id from smsgw.request")
    assert sorted(row["id"] for row in bound) == sorted(ids)
    assert len({request_id for request_id, _ in provider.sent}) == len(provider.sent)
