"""The stored truth is the same, whatever the order in which it is told."""

import asyncio
import itertools
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from gateway.receipts.folder import Folder
from gateway.receipts.journal import Journal
from gateway.receipts.parse import parse
from gateway.store import receipts
from gateway.store.pool import Pool

NUMBER = "+12025550123"


async def make_message(pool: Pool, *, dispatch: str = "in_flight", generation: int = 0) -> tuple[int, UUID]:
    """Return a message that is bound to a request in this state."""
    request = uuid4()
    async with pool.acquire() as connection:
        message_id = await connection.fetchval(
            "insert into smsgw.outbox (to_number, body) values ($1, 'x') returning id", NUMBER
        )
        await connection.execute(
            """
            insert into smsgw.request
                (id, due_at, parts, unsettled, route, lane, tenant, external_id, members, dispatch, body)
            values ($1, now(), 1, 1, 'mta', 'default', '', $2, array[$3::bigint], $4, 'bytes')
            """,
            request, f"{request.hex}-{generation}", message_id, dispatch,
        )  # fmt: skip
        await connection.execute(
            "update smsgw.outbox set request_id = $2, generation = $3 where id = $1", message_id, request, generation
        )
    return message_id, request


def event(request: UUID, kind: str, generation: int = 0, **fields: Any) -> tuple[str, bytes]:
    """Return address and body of one event."""
    body: dict[str, Any] = {"externalId": f"{request.hex}-{generation}", "toNumber": NUMBER}
    match kind:
        case "send":
            return "message-send", json.dumps(body | fields).encode()
        case "reply":
            return "message-reply", json.dumps({"fromNumber": NUMBER, "message": "thanks"}).encode()
        case _:
            return "delivery-status", json.dumps(body | {"status": kind} | fields).encode()


async def tell(pool: Pool, *events: tuple[str, bytes]) -> None:
    """Journal and fold these events, in this order, each by itself."""
    folder = Folder(pool)
    for address, body in events:
        await store(pool, address, body)
        await folder.fold_some()


async def store(pool: Pool, address: str, body: bytes) -> bool:
    journal = Journal(pool)
    running = asyncio.create_task(journal.run())
    try:
        return await journal.add(parse(body, address))
    finally:
        running.cancel()


async def truth(pool: Pool, message_id: int) -> tuple[Any, ...]:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(
            """
            select o.delivery::text, r.dispatch::text, r.unsettled, r.body, m.state
            from smsgw.outbox as o join smsgw.request as r on r.id = o.request_id join smsgw.message as m on m.id = o.id
            where o.id = $1
            """,
            message_id,
        )
    return tuple(row)


@pytest.mark.parametrize("dispatch", ["in_flight", "uncertain", "rejected", "accepted"])
@pytest.mark.parametrize("order", list(itertools.permutations(["send", "sent", "delivered", "undelivered"])))
async def test_the_order_of_arrival_does_not_matter(pool: Pool, dispatch: str, order: tuple[str, ...]) -> None:
    message_id, request = await make_message(pool, dispatch=dispatch)
    told = [event(request, kind) for kind in order]
    await tell(pool, *told, event(request, "reply"), *told)
    assert (await truth(pool, message_id))[:4] == ("delivered", "accepted", 0, None)


async def test_a_receipt_before_the_answer_proves_acceptance(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, event(request, "sent"))
    assert await truth(pool, message_id) == ("sent", "accepted", 1, None, "accepted")


async def test_two_hundred_equal_receipts_are_one(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    address, body = event(request, "undelivered")
    assert [await store(pool, address, body) for _ in range(200)].count(True) == 1
    await Folder(pool).fold_some()
    assert (await truth(pool, message_id))[4] == "undelivered"


async def test_a_receipt_of_an_older_generation_does_not_colour_the_new_one(pool: Pool) -> None:
    message_id, request = await make_message(pool, generation=1)
    await tell(pool, event(request, "delivered", generation=0))
    assert (await truth(pool, message_id))[0] == "none"


async def test_a_receipt_brings_back_a_message_that_was_called_failed(pool: Pool) -> None:
    message_id, request = await make_message(pool, dispatch="rejected")
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.outbox set ending = 'failed', reason = 'x: y' where id = $1", message_id)
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
            insert into smsgw.request (id, due_at, parts, unsettled, route, lane, tenant, external_id, members)
            values ($1, now(), 1, 1, 'mta', 'bulk', '', 'e', array[$2::bigint])
            """,
            request, message_id,
        )  # fmt: skip
        await connection.execute("update smsgw.outbox set request_id = $2 where id = $1", message_id, request)
    await receipts.rematch(pool)
    await Folder(pool).fold_some()
    assert (await truth(pool, message_id))[4] == "delivered"


async def test_folding_everything_again_changes_nothing(pool: Pool) -> None:
    message_id, request = await make_message(pool)
    await tell(pool, *(event(request, kind) for kind in ("sent", "undelivered", "delivered")))
    before = await truth(pool, message_id)
    async with pool.acquire() as connection:
        await connection.execute("update smsgw.receipt set folded_at = null")
    await Folder(pool).fold_some()
    assert await truth(pool, message_id) == before


async def test_many_folders_side_by_side_settle_each_message_once(pool: Pool) -> None:
    made = [await make_message(pool) for _ in range(20)]
    for _, request in made:
        for kind in ("sent", "undelivered", "delivered"):
            await store(pool, *event(request, kind))
    folders = [Folder(pool) for _ in range(4)]

    async def fold_all(folder: Folder) -> None:
        while await folder.fold_some():
            continue

    await asyncio.gather(*(fold_all(folder) for folder in folders))
    for message_id, _ in made:
        assert (await truth(pool, message_id))[:3] == ("delivered", "accepted", 0)


async def test_stop_suppresses_and_start_lifts_it_once(pool: Pool) -> None:
    stop = ("message-reply", json.dumps({"fromNumber": NUMBER, "message": "STOP", "replyId": 1}).encode())
    start = ("message-reply", json.dumps({"fromNumber": NUMBER, "message": "START", "replyId": 2}).encode())
    async with pool.acquire() as connection:
        await tell(pool, stop)
        assert await connection.fetchval("select source from smsgw.suppression where number = $1", NUMBER) == "reply"
        await tell(pool, start)
        await connection.execute("update smsgw.receipt set folded_at = null")
        await Folder(pool).fold_some()
        assert await connection.fetchval("select count(*) from smsgw.suppression") == 0
        assert await connection.fetchval("select count(*) from smsgw.inbound") == 2
        assert await connection.fetchval("select count(*) from smsgw.operator_action") == 2
