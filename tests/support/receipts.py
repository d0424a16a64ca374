"""What tests about receipts share: events as the provider words them, and messages that they speak of."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from gateway.domain.ids import NO_PREFIX, ExternalIds
from gateway.domain.receipt import Event as Kind
from gateway.domain.receipt import Receipt
from gateway.provider.mta.events import read
from gateway.receipts.applier import ReceiptApplier
from gateway.receipts.journal import Journal
from gateway.store import receipts
from gateway.store.pool import Pool

NUMBER = "+12025550123"
STATUS = {"sent": 3, "delivered": 4, "undelivered": 9}
TIMES = {"send": 10, "sent": 11, "undelivered": 12, "delivered": 13, "reply": 14}

Event = tuple[str, bytes]


def parse(body: bytes, address: str | None, external_ids: ExternalIds = NO_PREFIX) -> Receipt:
    """Read an event as the listener does at the address of that name."""
    return read(body, Kind(address) if address in set(Kind) else None, external_ids)


async def make_request(pool: Pool, numbers: Sequence[str] = (NUMBER,), **how: Any) -> tuple[list[int], UUID]:
    """Return messages to these numbers that are bound to one request, and the request; see `insert_request`."""
    async with pool.acquire() as connection, connection.transaction():
        return await insert_request(connection, numbers, **how)


async def insert_request(
    connection: Any,
    numbers: Sequence[str] = (NUMBER,),
    *,
    status: str = "in_flight",
    generation: int = 0,
    token: UUID | None = None,
    lane: str = "default",
) -> tuple[list[int], UUID]:
    """Insert messages to these numbers that are bound to one request in this state; return them and the request."""
    request = uuid4()
    rows = await connection.fetch(
        "insert into smsgw.outbox (to_number, body, lane) select n, 'x', $2 from unnest($1::text[]) as n "
        "returning id",
        list(numbers), lane,
    )  # fmt: skip
    ids = [row["id"] for row in rows]
    await connection.execute(
        """
        insert into smsgw.request
            (id, parts, pending_receipts, route, lane, tenant, external_id, members, status, body, generation,
             claim_token, lease_expires_at, attempts, first_attempt_at, accepted_at)
        values ($1, 1, $4, 'mta', $5, '', $2, $3, $6::smsgw.request_status, 'bytes', $7, $8,
             case when $8::uuid is not null then now() + interval '1 minute' end, 1, now(),
             case when $6 = 'accepted' then now() end)
        """,
        request, f"{request.hex}-{generation}", ids, len(ids), lane, status, generation, token,
    )  # fmt: skip
    await connection.execute(
        "insert into smsgw.attempt (request_id, number, started_at, worker) values ($1, 1, now(), 'w')", request
    )
    await connection.execute(
        "update smsgw.outbox set request_id = $2, generation = $3 where id = any($1)", ids, request, generation
    )
    return ids, request


async def make_requests(pool: Pool, count: int, **how: Any) -> list[UUID]:
    """Return many requests with one message each, made in one transaction."""
    async with pool.acquire() as connection, connection.transaction():
        return [(await insert_request(connection, **how))[1] for _ in range(count)]


async def make_message(pool: Pool, **how: Any) -> tuple[int, UUID]:
    """Return one message and its request."""
    (message_id,), request = await make_request(pool, **how)
    return message_id, request


def event(request: UUID, kind: str, generation: int = 0, *, number: str = NUMBER, **fields: Any) -> Event:
    """Return address and body of one event; the same fields give the same bytes."""
    at = f"2026-05-01T18:43:{TIMES.get(kind, 0)}.000Z"
    body: dict[str, Any] = {"externalId": f"{request.hex}-{generation}", "toNumber": number, "timestamp": at}
    match kind:
        case "send":
            return "message-send", json.dumps(body | fields).encode()
        case "reply":
            reply = {"fromNumber": number, "message": "thanks", "externalId": body["externalId"], "timestamp": at}
            return "message-reply", json.dumps(reply | fields).encode()
        case _:
            return "delivery-status", json.dumps(body | {"status": STATUS.get(kind, kind)} | fields).encode()


async def store(pool: Pool, *events: Event) -> int:
    """Journal these events in this order; return how many were new."""
    entries = [parse(body, address) for address, body in events]
    distinct = {entry.digest: entry for entry in entries}
    async with pool.acquire() as connection:
        return len(await receipts.journal(connection, list(distinct.values())))


async def store_one(pool: Pool, address: str, body: bytes) -> bool:
    """Journal one event as the listener does; return whether it was new."""
    journal = Journal(pool)
    running = asyncio.create_task(journal.run())
    try:
        return await journal.add(parse(body, address))
    finally:
        running.cancel()


async def apply_all(pool: Pool, observer: Any = None) -> None:
    """Fold until nothing is left."""
    folder = ReceiptApplier(pool, observer)
    while await folder.apply_some():
        continue


async def tell(pool: Pool, *events: Event) -> None:
    """Journal and fold these events, in this order, each by itself."""
    for one in events:
        await store(pool, one)
        await apply_all(pool)


async def truth(pool: Pool, message_id: int) -> tuple[Any, ...]:
    """Return where a message stands: both axes, what is open, what could still be sent, and the view's word for it."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(
            """
            select o.delivery_status::text, r.status::text, r.pending_receipts, r.body, m.state
            from smsgw.outbox as o join smsgw.request as r on r.id = o.request_id join smsgw.message as m on m.id = o.id
            where o.id = $1
            """,
            message_id,
        )
    return tuple(row)


async def results(pool: Pool) -> dict[str, int]:
    """Return how many receipts ended with each result."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("select result, count(*) as n from smsgw.receipt group by result")
    return {row["result"]: row["n"] for row in rows}
