"""Claims, results, splits, receipts and an operator at the same time: no deadlock, and every message ends once."""

import asyncio
import json
import random
from typing import Any

import pytest
import structlog
from support.outbox import LOST, enqueue, make_due, status
from support.processes import poll
from support.receipts import parse
from support.workers import FakeProvider, Worker, make_worker

from gateway.domain.outcome import Answer
from gateway.receipts.applier import ReceiptApplier
from gateway.store import receipts
from gateway.store.pool import Pool, open_pool

WAITS = """
    select exists (
        select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
    )
"""

REPEATS = 12
MESSAGES = 240


class UnreliableProvider(FakeProvider):
    """Accepts a request once, loses some answers, and refuses every request that contains a poison number."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self.taken: dict[str, tuple[str, list[str]]] = {}

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        if request_id in self.taken:
            return status(409)
        content = json.loads(body)
        numbers = content["subscribers"]
        if any(number.endswith("7") for number in numbers):
            return status(400)
        self.taken[request_id] = content["externalId"], numbers
        return LOST if self._rng.random() < 0.3 else status(200, total_sent=len(numbers))


@pytest.fixture
async def wide_pool(database: Any) -> Any:
    """A pool with a connection for each of them."""
    pool = await open_pool(database.dsn, purpose="test", max_size=12)
    yield pool
    await pool.close()


async def test_claims_results_receipts_and_an_operator_do_not_deadlock(db: Any, wide_pool: Pool) -> None:
    rng = random.Random(3)
    provider = UnreliableProvider(rng)
    workers = [make_worker(wide_pool, provider, recipients=20) for _ in range(3)]
    for n in range(MESSAGES):
        await enqueue(db, n, tenant=f"t{n % 3}", order_key=f"k{n % 40}" if n % 4 == 0 else None)

    async def work(one: Worker) -> None:
        await one.complete(*await one.claim(4))

    async def receive() -> None:
        """Apply receipts of what the provider accepted, even before its answer is written."""
        applier = ReceiptApplier(wide_pool)
        for external_id, numbers in list(provider.taken.values())[-5:]:
            for number in numbers:
                body = json.dumps({"externalId": external_id, "toNumber": number, "status": 4}).encode()
                await receipts.journal(wide_pool, [parse(body, "delivery-status")])
        await applier.apply_some()

    async def operate() -> None:
        await wide_pool.execute(
            "update smsgw.outbox set terminal_status = 'cancelled', final_at = now() "
            "where id = (select min(id) from smsgw.outbox where request_id is null and terminal_status is null) "
            "and request_id is null and terminal_status is null"
        )
        # Requests that wait are due at once. Requests that a worker holds stay with it.
        await wide_pool.execute(
            "update smsgw.request set available_at = now() where status = 'in_flight' and claim_token is null"
        )

    with structlog.testing.capture_logs() as lines:
        for _ in range(REPEATS):
            await asyncio.gather(*(work(one) for one in workers), receive(), receive(), operate())
        for _ in range(100):
            await make_due(wide_pool)
            await make_worker(wide_pool, provider, recipients=20).send_all()
            if not await wide_pool.fetchval(
                "select exists (select from smsgw.message where state in ('ready', 'sending', 'retrying'))"
            ):
                break
    troubles = [
        line for line in lines if line["event"] in {"results_delayed", "receipts_delayed", "result_not_written"}
    ]
    assert troubles == []
    states = {
        row["to_number"]: row["state"] for row in await wide_pool.fetch("select to_number, state from smsgw.message")
    }
    assert len(states) == MESSAGES
    assert set(states.values()) <= {"accepted", "delivered", "failed", "cancelled"}
    sent = [number for _, numbers in provider.taken.values() for number in numbers]
    assert len(sent) == len(set(sent))
    assert all(states[number] in {"accepted", "delivered"} for number in sent)
    assert all(states[number] in {"failed", "cancelled"} for number in states if number.endswith("7"))


async def test_a_locked_row_is_skipped(db: Any, wide_pool: Pool) -> None:
    first, second = await enqueue(db, 1), await enqueue(db, 2)
    async with wide_pool.acquire() as holder, holder.transaction():
        await holder.execute("select from smsgw.outbox where id = $1 for update", first)
        async with asyncio.timeout(120):
            (attempt,) = await make_worker(wide_pool, FakeProvider()).claim()
    assert [message.id for message in attempt.messages] == [second]


async def test_a_row_that_is_cancelled_after_the_scan_is_not_claimed(db: Any, wide_pool: Pool) -> None:
    """The claim waits for the lock of the bucket after its scan, and the message is cancelled during that wait."""
    await enqueue(db, 1)
    one = make_worker(wide_pool, FakeProvider())
    await one.claim(0)
    async with wide_pool.acquire() as holder, holder.transaction():
        await holder.execute("select from smsgw.bucket where name = 'mta:requests' for update")
        claiming = asyncio.create_task(one.claim())
        await poll(lambda: db.fetchval(WAITS), every=0.01)
        await holder.execute("update smsgw.outbox set terminal_status = 'cancelled'")
    assert await claiming == []
