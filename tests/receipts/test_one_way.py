"""What a receipt has told is not taken back by another that tells less."""

import json
from typing import Any

import pytest
from support.outbox import enqueue, state
from support.receipts import parse
from support.workers import FakeProvider, make_worker

from gateway.receipts.applier import ReceiptApplier
from gateway.store import receipts
from gateway.store.pool import Pool


async def sent(pool: Pool, connection: Any) -> tuple[int, str]:
    """Return a message that was accepted, and its external id."""
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    message_id = await enqueue(connection)
    await make_worker(pool, FakeProvider()).send_all()
    return message_id, await connection.fetchval("select external_id from smsgw.request")


async def tell(pool: Pool, external_id: str, code: int) -> None:
    body = json.dumps({"externalId": external_id, "toNumber": "+12025550123", "status": code}).encode()
    await receipts.journal(pool, [parse(body, "delivery-status")])
    await ReceiptApplier(pool).apply_some()


@pytest.mark.parametrize("lesser", [1, 3, 7, 9, 13])
async def test_a_lesser_receipt_that_comes_later_changes_nothing(pool: Pool, connection: Any, lesser: int) -> None:
    message_id, external_id = await sent(pool, connection)
    await tell(pool, external_id, 4)
    await tell(pool, external_id, lesser)
    assert await state(connection, message_id) == "delivered"


async def test_of_two_ways_not_to_arrive_the_first_stays(pool: Pool, connection: Any) -> None:
    _, external_id = await sent(pool, connection)
    await tell(pool, external_id, 9)
    await tell(pool, external_id, 13)
    assert await connection.fetchval("select delivery_status::text from smsgw.outbox") == "undelivered"
