"""A person can see why: everything that happened to a message is in its story, in order."""

from typing import Any

from support.outbox import LOST, enqueue, make_due, status
from support.receipts import parse
from support.workers import FakeProvider, make_worker

from gateway.receipts.applier import ReceiptApplier
from gateway.store import actions, messages, receipts
from gateway.store.pool import Pool


async def story(connection: Any, message_id: int) -> list[tuple[str, str]]:
    return [(step.what, step.detail or "") for step in await messages.timeline(connection, message_id)]


async def test_attempts_receipts_and_operators_are_all_told(pool: Pool, connection: Any) -> None:
    message_id, one = await enqueue(connection), make_worker(pool, FakeProvider())
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    one.provider.answers.extend([LOST, status(409)])
    await one.send_all()
    await make_due(connection)
    await one.send_all()
    external_id = await connection.fetchval("select external_id from smsgw.request")
    body = f'{{"externalId": "{external_id}", "toNumber": "+12025550123", "status": 9}}'.encode()
    await receipts.journal(pool, [parse(body, "delivery-status")])
    await ReceiptApplier(pool).apply_some()
    async with pool.acquire() as session:
        await actions.record(session, actor="ann", action="resolve", reason="asked by phone", message_ids=[message_id])
    told = await story(connection, message_id)
    whats = [what for what, _ in told]
    # What one statement writes has the same microsecond for its time, or nearly: those are told in any order.
    assert (whats[0], whats[-2:]) == ("enqueued", ["receipt", "operator"])
    assert sorted(whats[1:4]) == ["attempt 1", "attempt 1", "bound to request"]
    assert sorted(whats[4:7]) == ["accepted", "attempt 2", "attempt 2"]
    details = dict(told)
    assert {("attempt 1", "ambiguous, timeout_read"), ("attempt 2", "duplicate")} < set(told)
    assert "undelivered" in details["receipt"]
    assert details["operator"] == "resolve, ann, asked by phone"


async def test_the_request_that_was_refused_first_stays_in_the_story(pool: Pool, connection: Any) -> None:
    first, _ = [await enqueue(connection, number) for number in range(2)]
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    one = make_worker(pool, FakeProvider())
    one.provider.answers.append(status(400))
    await one.complete(*await one.claim(1))
    told = await story(connection, first)
    assert [what for what, _ in told].count("bound to request") == 2
    assert ("attempt 1", "refused") in told


async def test_an_ending_of_our_own_says_why(pool: Pool, connection: Any) -> None:
    message_id = await enqueue(connection)
    await connection.execute("insert into smsgw.suppression (number, source) values ('+12025550123', 'operator')")
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    await make_worker(pool, FakeProvider()).send_all()
    (*_, (what, why)) = await story(connection, message_id)
    assert what == "suppressed"
    assert why.startswith("suppressed: ")
