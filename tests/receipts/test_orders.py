"""Every order of everything that can be said about a message leads to one and the same state.

One database for all orders: each order has a message of its own, and step by step all of them are told the next thing.
"""

import asyncio
import itertools
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outbox import LOST, enqueue, make_due, state
from support.receipts import NUMBER, Event, apply_all, event, make_request, make_requests, store, tell, truth
from support.workers import FakeProvider, make_worker

from gateway.domain.status import RequestStatus
from gateway.receipts.applier import ReceiptApplier
from gateway.store.completions import AttemptResult, finish
from gateway.store.pool import Pool

SAID = ("accepted", "send", "sent", "delivered", "undelivered", "reply")
ORDERS = list(itertools.permutations(SAID))
STATE = """
    select distinct
        o.delivery_status::text, o.delivered_at, o.final_at, o.reason, o.terminal_status, r.status::text,
        r.pending_receipts, r.body, r.claim_token, r.provider_message_id, r.total_sent, m.state
    from smsgw.outbox as o
    join smsgw.request as r on o.request_id = r.id
    join smsgw.message as m on o.id = m.id
"""


def accepted(request: UUID, token: UUID) -> AttemptResult:
    return AttemptResult(
        request_id=request, token=token, number=1, outcome="accepted", http_status=200, error=None,
        provider_request_id=None, retry_after=None, duration=0.1, status=RequestStatus.ACCEPTED, delay=0.0, spent=False,
        maybe_arrived=True, provider_message_id="m", outbound_ids=(1,), total_sent=1, verify_reason=None, reason=None,
    )  # fmt: skip


def twice(request: UUID, kind: str) -> list[Event]:
    """The same body twice, and the same news in other words."""
    return [event(request, kind), event(request, kind), event(request, kind, again=1)]


async def tell_all(pool: Pool, orders: dict[UUID, tuple[str, ...]], token: UUID) -> None:
    """Tell every message its own order, step by step, folding after each."""
    for step in range(len(SAID)):
        events = [e for one, order in orders.items() if order[step] != "accepted" for e in twice(one, order[step])]
        answered = [accepted(one, token) for one, order in orders.items() if order[step] == "accepted"]
        await store(pool, *events)
        async with pool.acquire() as connection, connection.transaction():
            await finish(connection, answered)
        await apply_all(pool)


@pytest.mark.parametrize("status", ["in_flight", "uncertain"])
async def test_all_720_orders_lead_to_one_state(pool: Pool, status: str) -> None:
    token = uuid4()
    made = await make_requests(pool, len(ORDERS), status=status, token=token)
    await tell_all(pool, dict(zip(made, ORDERS, strict=True)), token)
    async with pool.acquire() as connection:
        rows = await connection.fetch(STATE)
        assert await connection.fetchval("select count(*) from smsgw.receipt where applied_at is null") == 0
    assert len(rows) == 1
    assert (rows[0]["state"], rows[0]["pending_receipts"], rows[0]["body"], rows[0]["total_sent"]) == (
        "delivered",
        0,
        None,
        1,
    )


async def test_all_orders_of_what_is_folded_in_one_go_lead_to_one_state(pool: Pool) -> None:
    orders = list(itertools.permutations([one for one in SAID if one != "accepted"]))
    made = await make_requests(pool, len(orders), status="accepted")
    for step in range(len(orders[0])):
        await store(pool, *(e for one, order in zip(made, orders, strict=True) for e in twice(one, order[step])))
    await apply_all(pool)
    async with pool.acquire() as connection:
        rows = await connection.fetch(STATE)
    assert [(row["state"], row["pending_receipts"]) for row in rows] == [("delivered", 0)]


@pytest.mark.parametrize("order", ["undelivered first", "failed first"])
async def test_of_two_ways_of_not_arriving_the_first_stays_and_the_other_is_a_conflict(pool: Pool, order: str) -> None:
    kinds = ["undelivered", "failed"] if order == "undelivered first" else ["failed", "undelivered"]
    (message_id,), request = await make_request(pool)
    await tell(pool, *(event(request, kind) for kind in kinds))
    assert (await truth(pool, message_id))[0] == kinds[0]
    async with pool.acquire() as connection:
        told = await connection.fetch("select result from smsgw.receipt order by id")
    assert [row["result"] for row in told] == ["applied", "conflict"]


@dataclass
class Race:
    """Everybody at once, until every message is final."""

    pool: Pool
    provider: FakeProvider
    rng: random.Random
    told: set[str] = field(default_factory=set)
    over: bool = False

    async def phones(self) -> None:
        """Say everything about each request that left, in a random order, while it may still be in the air."""
        while not self.over:
            for request_id in {request_id for request_id, _ in self.provider.sent} - self.told:
                self.told.add(request_id)
                await self.say(UUID(request_id))
            await asyncio.sleep(0)

    async def say(self, request: UUID) -> None:
        async with self.pool.acquire() as connection:
            rows = await connection.fetch("select to_number from smsgw.outbox where request_id = $1", request)
        numbers = [row["to_number"] for row in rows]
        kinds = [(number, kind) for number in numbers for kind in SAID[1:]]
        events = [event(request, kind, number=number, again=again) for number, kind in kinds for again in (0, 1)]
        self.rng.shuffle(events)
        for start in range(0, len(events), 7):
            await store(self.pool, *events[start : start + 7])

    async def folding(self) -> None:
        folder = ReceiptApplier(self.pool)
        while not self.over:
            await folder.apply_some()
            await asyncio.sleep(0)

    async def due(self) -> None:
        while not self.over:
            async with self.pool.acquire() as connection:
                await make_due(connection)
            await asyncio.sleep(0)

    async def sending(self) -> None:
        """Every first attempt is lost on the way back, so each request has a retry that is due at once."""
        while True:
            self.provider.answers.extend([LOST] * 3)
            await make_worker(self.pool, self.provider, recipients=5).send_all()
            async with self.pool.acquire() as connection:
                open_ones = await connection.fetchval(
                    "select count(*) from smsgw.message where state in ('ready', 'sending', 'retrying')"
                )
            if not open_ones and self.told == {request_id for request_id, _ in self.provider.sent}:
                return
            await asyncio.sleep(0)

    async def run(self) -> None:
        beside = [asyncio.create_task(work()) for work in (self.phones, self.folding, self.folding, self.due)]
        async with asyncio.timeout(120):
            await asyncio.gather(self.sending(), self.sending())
        self.over = True
        await asyncio.gather(*beside)
        await apply_all(self.pool)


async def test_the_fold_runs_beside_claims_and_finishes_and_nothing_goes_out_twice(pool: Pool) -> None:
    race = Race(pool, FakeProvider(), random.Random(4))
    async with pool.acquire() as connection:
        ids = [await enqueue(connection, number) for number in range(120)]
    await race.run()
    async with pool.acquire() as connection:
        assert {await state(connection, one) for one in ids} == {"delivered"}
        assert await connection.fetchval("select sum(pending_receipts) from smsgw.request") == 0
        # Nobody was put into a second request: whatever was repeated went under the same id with the same bytes.
        assert await connection.fetchval("select count(*) from smsgw.outbox where earlier_requests is not null") == 0
    bodies: dict[str, set[bytes]] = {}
    for request_id, body in race.provider.sent:
        bodies.setdefault(request_id, set()).add(body)
    assert {len(one) for one in bodies.values()} == {1}


async def test_after_its_receipt_a_request_is_never_claimed_again(pool: Pool) -> None:
    provider: Any = FakeProvider()
    provider.answers.append(LOST)
    async with pool.acquire() as connection:
        message_id = await enqueue(connection, 123)
    worker = make_worker(pool, provider)
    await worker.send_all()
    async with pool.acquire() as connection:
        await make_due(connection)
    await tell(pool, event(UUID(provider.sent[0][0]), "sent", number=NUMBER))
    assert await make_worker(pool, provider).claim() == []
    async with pool.acquire() as connection:
        assert await state(connection, message_id) == "accepted"
