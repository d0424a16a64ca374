"""Deletes what ended long ago, a limited number at a time, one process at a time."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store.leadership import NAMESPACE
from gateway.store.pool import Pool
from gateway.store.sql import query

LOCK = 5
"""The second half of the lock's key; see `gateway.store.leadership` for the others."""


@dataclass(frozen=True, slots=True)
class DeletedBatch:
    """The result of one batch."""

    reached: int | None
    """The next batch begins above this id; None at the end."""
    messages: int = 0
    requests: int = 0
    receipts: int = 0


BUSY = DeletedBatch(None)
"""Another process deletes at the moment."""


async def span(pool: Pool, seconds: float) -> tuple[datetime, int]:
    """Return the moment this many seconds ago, by the database's clock, and the upper bound of older ids."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(query("read_retention_bounds"), seconds)
    assert row is not None  # it is a select without a table  # noqa: S101
    return row["moment"], row["ceiling"]


async def forget(pool: Pool, *, above: int, below: int, before: datetime, limit: int) -> DeletedBatch:
    """Delete up to `limit` messages that ended before a moment, with everything that belongs to them alone.

    One transaction under an advisory lock. After a kill nothing is half deleted, and the next batch does it.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select pg_try_advisory_xact_lock($1, $2)", NAMESPACE, LOCK):
            return BUSY
        candidates = await connection.fetch(query("list_retention_candidates"), above, below, limit, before)
        if not candidates:
            return DeletedBatch(None)
        reached: int = candidates[-1]["id"]
        ended = [row["id"] for row in candidates if row["ended"]]
        if not ended:
            return DeletedBatch(reached)
        requests = [row["id"] for row in await connection.fetch(query("lock_earlier_requests"), ended)]
        locked = [row["id"] for row in await connection.fetch(query("lock_ended_messages"), ended, before)]
        gone = await connection.fetch(query("delete_ended_messages"), locked)
        without = await connection.fetch(query("delete_empty_requests"), requests)
        return DeletedBatch(reached, len(gone), len(without))


async def forget_receipts(pool: Pool, *, above: int, before: datetime, limit: int) -> DeletedBatch:
    """Delete receipts from before a moment that have no message; reads up to `limit` receipts."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select pg_try_advisory_xact_lock($1, $2)", NAMESPACE, LOCK):
            return BUSY
        row = await connection.fetchrow(query("delete_old_receipts"), above, limit, before)
        assert row is not None  # it aggregates, so there always is one  # noqa: S101
        return DeletedBatch(row["reached"], receipts=row["deleted"])
