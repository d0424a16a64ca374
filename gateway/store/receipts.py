"""The journal of receipts, and the fold that applies it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.receipt import AppliedReceipt, Receipt
from gateway.store.pool import Connection, Pool
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Taken:
    """Receipts that this transaction folds: in columns, because there are many and of each only little is needed."""

    ids: Sequence[int]
    requests: Sequence[UUID]
    """Every request that one of them names, once."""
    replies: Sequence[int]
    """Ids of those that are replies."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A text that a phone sent back."""

    receipt_id: int
    happened_at: datetime | None
    from_number: str
    to_number: str | None
    text: str
    external_id: str | None
    provider_reply_id: str | None


async def journal(connection: Connection, entries: Sequence[Receipt]) -> set[bytes]:
    """Commit receipts, at least one; return the digests that were new."""
    rows = await connection.fetch(query("receipt_journal"), *zip(*entries, strict=True))
    return {row["digest"] for row in rows}


async def lock_pending(connection: Connection, limit: int) -> Taken:
    """Lock the next receipts to fold."""
    rows = await connection.fetch(query("lock_pending_receipts"), limit)
    return Taken(
        ids=[row["id"] for row in rows],
        requests=list({row["request_id"] for row in rows if row["request_id"] is not None}),
        replies=[row["id"] for row in rows if row["is_reply"]],
    )


async def apply(connection: Connection, taken: Taken) -> list[AppliedReceipt]:
    """Apply locked receipts: requests are locked before messages, as everywhere."""
    matched = []
    if taken.requests:
        await connection.execute(query("lock_receipt_requests"), taken.requests)
        matched = await connection.fetch(query("match_receipts"), taken.ids)
    receipt_ids = [row["receipt_id"] for row in matched]
    alone = list(set(taken.ids).difference(receipt_ids))
    rows = await connection.fetch(query("apply_receipts"), alone, receipt_ids, [row["message_id"] for row in matched])
    return [
        AppliedReceipt(
            source=row["source"],
            delivery_status=row["delivery_status"],
            result=row["result"],
            lane=row["lane"],
            of_group=row["of_group"],
            unread=row["unread"],
            moves=row["moves"],
            final_state=row["final_state"],
            receipts=row["receipts"],
            since_accept=row["since_accept"] or (),
            since_ready=row["since_ready"] or (),
        )
        for row in rows
    ]


async def settle_groups(connection: Connection) -> list[tuple[str, str]]:
    """Draw the conclusion for messages to groups of which every member is known; return lane and state of each."""
    return [(row["lane"], row["state"]) for row in await connection.fetch(query("group_settle"))]


async def retry_unmatched(pool: Pool) -> None:
    """Have unmatched receipts applied again whose request is there by now."""
    async with pool.acquire() as connection:
        await connection.execute(query("retry_unmatched"))


async def abandon_unmatched(pool: Pool) -> int:
    """Give up receipts that found no message in three days; return how many."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("abandon_unmatched")))


async def requeue(connection: Connection, since: datetime, above: int, limit: int) -> list[int]:
    """Have receipts since a time applied again, up to `limit` of those above an id; return their ids."""
    return [row["id"] for row in await connection.fetch(query("requeue_receipts"), since, above, limit)]


async def unmatched(connection: Connection) -> int:
    """Return how many receipts wait for their message."""
    count: int = await connection.fetchval(query("receipt_unmatched_count"))
    return count


async def replies(connection: Connection, receipt_ids: Sequence[int]) -> list[Reply]:
    """Return the replies in these receipts, in the order in which they came."""
    return [from_row(Reply, row) for row in await connection.fetch(query("receipt_replies"), receipt_ids)]


async def add_reply(connection: Connection, reply: Reply, keyword: str | None) -> int | None:
    """Keep a reply; return its id if it is new. To the end of the transaction no other of this number is added."""
    await connection.execute(query("inbound_lock"), reply.from_number)
    added: int | None = await connection.fetchval(
        query("inbound_add"),
        reply.receipt_id,
        reply.happened_at,
        reply.from_number,
        reply.to_number,
        reply.text,
        keyword,
        reply.external_id,
        reply.provider_reply_id,
    )
    return added


async def overtaken(connection: Connection, reply_id: int) -> bool:
    """Whether the same phone has written a later STOP or START, which came in before this one."""
    later: bool = await connection.fetchval(query("inbound_overtaken"), reply_id)
    return later
