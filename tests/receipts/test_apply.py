"""The stored truth is the same, whatever the order in which it is told. Orders: test_orders.py."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from support.receipts import (
    NUMBER,
    apply_all,
    event,
    make_message,
    make_request,
    results,
    store,
    store_one,
    tell,
    truth,
)

from gateway.receipts.applier import ReceiptApplier
from gateway.store import receipts
from gateway.store.pool import Pool


async def test_a_receipt_before_the_answer_proves_acceptance(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, event(request, "sent"))
    assert await truth(pool, message_id) == ("sent", "accepted", 1, None, "accepted")


async def test_two_hundred_equal_receipts_are_one(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    address, body = event(request, "undelivered")
    assert [await store_one(pool, address, body) for _ in range(200)].count(True) == 1
    await ReceiptApplier(pool).apply_some()
    assert (await truth(pool, message_id))[4] == "undelivered"


async def test_a_receipt_of_an_older_generation_does_not_colour_the_new_one(pool: Pool) -> None:
    message_id, request = await make_message(pool, generation=1)
    await tell(pool, event(request, "delivered", generation=0))
    assert (await truth(pool, message_id))[0] == "none"


async def test_a_receipt_brings_back_a_message_that_was_called_failed(pool: Pool) -> None:
    message_id, request = await make_message(pool, status="rejected")
    async with pool.acquire() as connection:
        await connection.execute(
            "update smsgw.outbox set terminal_status = 'failed', reason = 'x: y' where id = $1", message_id
        )
    await tell(pool, event(request, "delivered"))
    assert (await truth(pool, message_id))[4] == "delivered"


async def test_a_foreign_receipt_changes_nothing_and_is_kept(pool: Pool) -> None:
    await tell(pool, ("delivery-status", b'{"externalId": "order_1", "status": 4}'))
    async with pool.acquire() as connection:
        assert await connection.fetchval("select result from smsgw.receipt") == "foreign"


async def test_a_receipt_that_came_before_its_request_is_folded_later(pool: Pool) -> None:
    request = uuid4()
    await tell(pool, event(request, "delivered"))
    async with pool.acquire() as connection:
        assert await receipts.unmatched(connection) == 1
        message_id = await connection.fetchval(
            "insert into smsgw.outbox (to_number, body, lane) values ($1, 'x', 'bulk') returning id", NUMBER
        )
        await connection.execute(
            """
            insert into smsgw.request (id, parts, pending_receipts, route, lane, tenant, external_id, members)
            values ($1, 1, 1, 'mta', 'bulk', '', 'e', array[$2::bigint])
            """,
            request, message_id,
        )  # fmt: skip
        await connection.execute("update smsgw.outbox set request_id = $2 where id = $1", message_id, request)
    await receipts.retry_unmatched(pool)
    await ReceiptApplier(pool).apply_some()
    assert (await truth(pool, message_id))[4] == "delivered"


async def test_folding_everything_again_changes_nothing(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, *(event(request, kind) for kind in ("sent", "undelivered", "delivered")))
    before = await truth(pool, message_id)
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.receipt set applied_at = null")
    await ReceiptApplier(pool).apply_some()
    assert await truth(pool, message_id) == before


async def test_many_folders_side_by_side_settle_each_message_once(pool: Pool) -> None:
    made = [await make_message(pool) for _ in range(20)]
    for _, request in made:
        for kind in ("sent", "undelivered", "delivered"):
            await store(pool, event(request, kind))
    folders = [ReceiptApplier(pool) for _ in range(4)]

    async def work(folder: ReceiptApplier) -> None:
        while await folder.apply_some():
            continue

    await asyncio.gather(*(work(folder) for folder in folders))
    for message_id, _ in made:
        assert (await truth(pool, message_id))[:3] == ("delivered", "accepted", 0)


async def test_stop_suppresses_and_start_lifts_it_once(pool: Pool) -> None:
    stop = ("message-reply", json.dumps({"fromNumber": NUMBER, "message": "STOP", "replyId": 1}).encode())
    start = ("message-reply", json.dumps({"fromNumber": NUMBER, "message": "START", "replyId": 2}).encode())
    async with pool.acquire() as connection:
        await tell(pool, stop)
        assert await connection.fetchval("select source from smsgw.suppression where number = $1", NUMBER) == "reply"
        await tell(pool, start)
        await connection.execute("update smsgw.receipt set applied_at = null")
        await ReceiptApplier(pool).apply_some()
        assert await connection.fetchval("select count(*) from smsgw.suppression") == 0
        assert await connection.fetchval("select count(*) from smsgw.inbound") == 2
        assert await connection.fetchval("select count(*) from smsgw.operator_action") == 2


async def test_a_number_finds_its_message_among_five_hundred(pool: Pool) -> None:
    numbers = [f"+1202555{n:04}" for n in range(500)]
    ids, request = await make_request(pool, numbers, status="accepted")
    await make_request(pool, numbers, status="accepted")
    await store(pool, *(event(request, "delivered", number=number) for number in numbers[:7]))
    await apply_all(pool)
    async with pool.acquire() as connection:
        told = await connection.fetch("select id from smsgw.outbox where delivery_status = 'delivered' order by id")
        pending_receipts = await connection.fetchval(
            "select pending_receipts from smsgw.request where id = $1", request
        )
    assert [row["id"] for row in told] == ids[:7]
    assert pending_receipts == 493


async def test_a_body_without_a_number_counts_only_where_the_request_has_one_message(pool: Pool) -> None:
    alone, request = await make_message(pool)
    pair, both = await make_request(pool, ["+12025550101", "+12025550102"])
    for one in (request, both):
        await tell(pool, ("delivery-status", json.dumps({"externalId": f"{one.hex}-0", "status": 4}).encode()))
    assert (await truth(pool, alone))[0] == "delivered"
    assert [(await truth(pool, one))[0] for one in pair] == ["none", "none"]
    assert await results(pool) == {"applied": 1, "unmatched": 1}


async def test_a_number_that_is_no_member_is_not_asked_again_for_three_days(pool: Pool) -> None:
    _, request = await make_message(pool)
    await tell(pool, event(request, "delivered", number="+12025550199"))
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.request set created_at = created_at - interval '1 hour'")
    await receipts.retry_unmatched(pool)
    assert await results(pool) == {"unmatched": 1}


async def test_what_finds_no_message_in_three_days_is_abandoned_and_counted(pool: Pool) -> None:
    await tell(pool, event(uuid4(), "delivered"))
    assert await receipts.abandon_unmatched(pool) == 0
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.receipt set received_at = received_at - interval '73 hours'")
    assert await receipts.abandon_unmatched(pool) == 1
    assert await results(pool) == {"abandoned": 1}


async def test_a_receipt_three_days_late_upgrades_what_was_unconfirmed(pool: Pool) -> None:
    message_id, _ = await make_message(pool, status="accepted")
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.request set accepted_at = accepted_at - interval '73 hours'")
        request = await connection.fetchval("select request_id from smsgw.outbox where id = $1", message_id)
    assert (await truth(pool, message_id))[4] == "unconfirmed"
    await tell(pool, event(request, "delivered"))
    assert (await truth(pool, message_id))[4] == "delivered"


async def test_a_time_of_the_future_is_not_believed(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, event(request, "delivered", timestamp="9998-01-01T00:00:00Z"))
    async with pool.acquire() as connection:
        assert await connection.fetchval("select final_at <= now() from smsgw.outbox where id = $1", message_id)


async def test_a_status_that_nobody_documented_proves_the_arrival_and_is_counted(pool: Pool) -> None:
    message_id, request = await make_message(pool, status="uncertain")
    seen = []

    class Ears:
        def applied(self, rows: object) -> None:
            seen.extend(rows)  # type: ignore[call-overload]

        def settled(self, groups: object) -> None: ...

        def abandoned(self, count: int) -> None: ...

    await store(pool, event(request, "teleported"))
    await apply_all(pool, Ears())
    assert (await truth(pool, message_id))[:2] == ("none", "accepted")
    assert [(row.unread, row.receipts) for row in seen] == [(True, 1)]


async def test_what_was_refused_and_cut_stops_when_the_whole_turns_out_to_have_arrived(pool: Pool) -> None:
    (first, second), whole = await make_request(pool, ["+12025550101", "+12025550102"], status="rejected")
    halves = []
    async with pool.acquire() as connection:
        for message_id in (first, second):
            half = uuid4()
            halves.append(half)
            await connection.execute(
                "insert into smsgw.request (id, parts, pending_receipts, route, lane, tenant, external_id, members, "
                "parent_id) values ($1, 1, 1, 'mta', 'default', '', $2, array[$3::bigint], $4)",
                half, f"{half.hex}-0", message_id, whole,
            )  # fmt: skip
            await connection.execute(
                "update smsgw.outbox set request_id = $2, earlier_requests = array[$3::uuid] where id = $1",
                message_id, half, whole,
            )  # fmt: skip
    await tell(pool, event(whole, "delivered", number="+12025550101"))
    assert (await truth(pool, first))[:2] == ("delivered", "accepted")
    assert (await truth(pool, second))[:2] == ("none", "uncertain")
    async with pool.acquire() as connection:
        assert await connection.fetchval("select count(*) from smsgw.request where status = 'in_flight'") == 0


@pytest.mark.parametrize("late", ["stop", "start"])
async def test_the_last_word_of_a_phone_holds_whatever_comes_in_first(pool: Pool, late: str) -> None:
    words = {"stop": "18:00", "start": "18:05"} if late == "stop" else {"start": "18:00", "stop": "18:05"}
    said = [
        (
            "message-reply",
            json.dumps({"fromNumber": NUMBER, "message": word, "timestamp": f"2026-05-01T{at}:00Z"}).encode(),
        )
        for word, at in words.items()
    ]
    await tell(pool, *reversed(said))
    async with pool.acquire() as connection:
        suppressed = await connection.fetchval("select count(*) from smsgw.suppression")
    assert suppressed == (0 if late == "stop" else 1)


async def test_an_application_reads_what_phones_wrote(pool: Pool) -> None:
    await tell(pool, ("message-reply", json.dumps({"fromNumber": NUMBER, "message": "Where is it?"}).encode()))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local role smsgw_app")
        rows = await connection.fetch("select from_number, body, keyword from smsgw.inbound")
    assert [tuple(row) for row in rows] == [(NUMBER, "Where is it?", None)]


async def test_opting_in_and_being_handed_over_are_journalled_and_the_latter_lifts_to_sent(pool: Pool) -> None:
    message_id, request = await make_message(pool, status="accepted")
    await tell(pool, event(request, "send"), ("number-opt-in", b'{"fromNumber": "+12025550123", "optInType": "rcs"}'))
    assert (await truth(pool, message_id))[0] == "sent"
    assert await results(pool) == {"applied": 1, "noted": 1}


async def test_refolding_a_stretch_of_time_leaves_what_stands(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, *(event(request, kind) for kind in ("sent", "undelivered", "delivered")))
    before = await truth(pool, message_id)
    async with pool.acquire() as connection:
        first = await receipts.requeue(connection, datetime.now(UTC) - timedelta(hours=1), 0, 2)
        rest = await receipts.requeue(connection, datetime.now(UTC) - timedelta(hours=1), max(first), 2)
        assert (len(first), len(rest)) == (2, 1)
        assert await receipts.requeue(connection, datetime.now(UTC), 0, 2) == []
    await apply_all(pool)
    assert await truth(pool, message_id) == before
