"""Quick looks after a dear one: they miss nothing that is urgent, and nothing for good."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import enqueue
from support.workers import Wire, Worker, make_worker

from gateway.dispatch import places
from gateway.store import pauses
from gateway.store.pauses import Scope
from gateway.store.pool import Pool


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dear(worker: Callable[..., Worker], clock: Clock) -> Worker:
    """A worker to whom every look is dear, one message a request."""
    return worker(dear=0.0, recipients=1, monotonic=clock)


async def claimed(worker: Worker, slots: int = 1) -> list[int]:
    """Return the messages of one claim."""
    return [message.id for ticket in await worker.claim(slots) for message in ticket.messages or ()]


async def put_in_front(connection: Any, message_id: int) -> None:
    """Make a message one that was due before all others and is committed only now."""
    await connection.execute(
        "update smsgw.outbox set not_before = not_before - interval '1 minute' where id = $1", message_id
    )


async def test_after_a_dear_look_claims_go_on_where_the_last_one_left_its_queue(filled: Any, dear: Worker) -> None:
    ids = [await enqueue(filled, n) for n in range(4)]
    assert await claimed(dear) == ids[:1]
    await put_in_front(filled, late := await enqueue(filled, 9))
    assert await claimed(dear, 2) == ids[1:3]
    assert await claimed(dear, 2) == [ids[3]]
    assert await claimed(dear, 2) == [late]


async def test_an_urgent_message_is_seen_by_the_next_claim(filled: Any, dear: Worker) -> None:
    ids = [await enqueue(filled, n) for n in range(3)]
    assert await claimed(dear) == ids[:1]
    code = await enqueue(filled, 9, lane="otp")
    assert await claimed(dear) == [code]


async def test_another_queue_waits_for_the_next_whole_look(filled: Any, dear: Worker, clock: Clock) -> None:
    ids = [await enqueue(filled, n, tenant="a") for n in range(30)]
    assert await claimed(dear, 10) == ids[:10]
    other = await enqueue(filled, 9, tenant="b")
    assert await claimed(dear, 10) == ids[10:20]
    clock.now += 10.0
    assert other in await claimed(dear, 10)


async def test_with_its_known_queues_empty_a_process_looks_at_everything_before_it_rests(
    filled: Any, dear: Worker
) -> None:
    first = [await enqueue(filled, n, tenant="a") for n in range(2)]
    assert await claimed(dear, 1) == first[:1]
    other = await enqueue(filled, 9, tenant="b")
    assert await claimed(dear, 5) == first[1:]
    assert await claimed(dear, 5) == [other]


async def test_a_pause_holds_a_known_queue_at_once(filled: Any, dear: Worker) -> None:
    ids = [await enqueue(filled, n) for n in range(3)]
    assert await claimed(dear) == ids[:1]
    await pauses.pause(filled, Scope.LANE, "default", actor="test", reason="a test")
    assert await claimed(dear) == []


async def test_known_queues_share_the_turn_as_they_would_under_whole_looks(filled: Any, dear: Worker) -> None:
    for n in range(20):
        for lane in ("default", "bulk"):
            await enqueue(filled, n, lane=lane)
    lanes = [ticket.lane for _ in range(20) for ticket in await dear.claim(1)]
    assert (lanes.count("default"), lanes.count("bulk")) == (16, 4)


async def test_a_request_to_try_again_is_found_by_the_next_whole_look(filled: Any, dear: Worker, clock: Clock) -> None:
    ids = [await enqueue(filled, n) for n in range(20)]
    assert await claimed(dear) == ids[:1]
    await filled.execute("update smsgw.request set due_at = now() - interval '1 second'")
    assert await claimed(dear) == ids[1:2]
    clock.now += 10.0
    await filled.execute("update smsgw.request set due_at = now() - interval '1 second' where claim_token is not null")
    assert [ticket.number for ticket in await dear.claim(1)] == [2]


async def test_cheap_looks_are_all_whole(filled: Any, worker: Callable[..., Worker]) -> None:
    one = worker(dear=60.0, recipients=1)
    ids = [await enqueue(filled, n) for n in range(3)]
    assert await claimed(one) == ids[:1]
    await put_in_front(filled, late := await enqueue(filled, 9))
    assert await claimed(one) == [late]


async def test_two_processes_with_dear_looks_send_everything_once_while_more_comes_in(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHARE", 0.01)
    wire: Any = Wire()
    workers = [make_worker(pool, wire, dear=0.0, recipients=3) for _ in range(2)]
    ids: list[int] = []

    async def application(tenant: str) -> None:
        for n in range(60):
            async with pool.acquire() as connection:
                ids.append(await enqueue(connection, n, tenant=tenant, lane=("bulk", "default", "otp")[n % 3]))

    async def gateway(worker: Worker) -> None:
        async with asyncio.timeout(60):
            while len(wire.sent) < 1 or await waiting() > 0:
                await worker.turn()

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
    assert len({request_id for request_id, _ in wire.sent}) == len(wire.sent)
