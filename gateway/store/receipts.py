"""The journal of receipts, and how receipts are applied to messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.receipt import AppliedReceipt, Receipt
from gateway.store.pool import Connection, Pool
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class LockedReceipts:
    """Receipts that this transaction applies. Columns, because there are many and little is needed of each."""

    ids: Sequence[int]
    requests: Sequence[UUID]
    """Every request that one of them names, without duplicates."""
    replies: Sequence[int]
    """Ids of those that are replies."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A text that a phone sent."""

    receipt_id: int
    happened_at: datetime | None
    from_number: str
    to_number: str | None
    text: str
    external_id: str | None
    provider_reply_id: str | None


async def journal(connection: Connection, entries: Sequence[Receipt]) -> set[bytes]:
    """Commit receipts, at least one; return the digests that were new."""
    rows = await connection.fetch(query("journal_receipts"), *zip(*entries, strict=True))
    return {row["digest"] for row in rows}


async def lock_pending(connection: Connection, limit: int) -> LockedReceipts:
    """Lock and return the next receipts to apply."""
    rows = await connection.fetch(query("lock_pending_receipts"), limit)
    return LockedReceipts(
        ids=[row["id"] for row in rows],
        requests=list({row["request_id"] for row in rows if row["request_id"] is not None}),
        replies=[row["id"] for row in rows if row["is_reply"]],
    )


async def apply(connection: Connection, locked: LockedReceipts) -> list[AppliedReceipt]:
    """Apply locked receipts. Requests are locked before messages, as everywhere."""
    matched = []
    if locked.requests:
        await connection.execute(query("lock_receipt_requests"), locked.requests)
        matched = await connection.fetch(query("match_receipts"), locked.ids)
    receipt_ids = [row["receipt_id"] for row in matched]
    alone = list(set(locked.ids).difference(receipt_ids))
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
    """Decide messages to groups whose numbers all have a final status; return lane and state of each."""
    return [(row["lane"], row["state"]) for row in await connection.fetch(query("settle_groups"))]


async def retry_unmatched(pool: Pool) -> None:
    """Mark unmatched receipts to be applied again if their request exists by now."""
    async with pool.acquire() as connection:
        await connection.execute(query("retry_unmatched"))


async def abandon_unmatched(pool: Pool) -> int:
    """Abandon receipts that found no message in three days; return how many."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("abandon_unmatched")))


async def requeue(connection: Connection, since: datetime, above: int, limit: int) -> list[int]:
    """Mark up to `limit` receipts above an id, received since a time, to be applied again; return their ids."""
    return [row["id"] for row in await connection.fetch(query("requeue_receipts"), since, above, limit)]


async def unmatched(connection: Connection) -> int:
    """Return how many receipts wait for their message."""
    count: int = await connection.fetchval(query("count_unmatched"))
    return count


async def replies(connection: Connection, receipt_ids: Sequence[int]) -> list[Reply]:
    """Return the replies among these receipts in the order of arrival."""
    return [from_row(Reply, row) for row in await connection.fetch(query("list_received_replies"), receipt_ids)]


async def add_reply(connection: Connection, reply: Reply, keyword: str | None) -> int | None:
    """Store a reply; return its id if it is new. No other reply of the number is added until the transaction ends."""
    await connection.execute(query("lock_replies_of_number"), reply.from_number)
    added: int | None = await connection.fetchval(
        query("add_reply"),
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


async def has_newer_opt_reply(connection: Connection, reply_id: int) -> bool:
    """Whether a later STOP or START of the same phone is stored already."""
    later: bool = await connection.fetchval(query("has_newer_opt_reply"), reply_id)
    return later
