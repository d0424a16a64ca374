"""The feed of final states: one writer at a time gives each its position."""

from gateway.store.leadership import FEED, NAMESPACE
from gateway.store.pool import Pool
from gateway.store.sql import query

CHANNEL = "smsgw_final"
KEEP_DAYS = 30
"""A reader that was away for no longer than this continues without a gap."""


async def publish(pool: Pool, limit: int) -> int:
    """Publish up to `limit` final states; return how many. Returns 0 while another worker publishes.

    The lock is held until the commit, so later positions become visible later. A reader that has seen a position has
    seen every position before it.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select pg_try_advisory_xact_lock($1, $2)", NAMESPACE, FEED):
            return 0
        published: int = await connection.fetchval(query("publish_final_states"), limit)
        if published:
            await connection.execute("select pg_notify($1, '')", CHANNEL)
        return published


async def delete_old(pool: Pool, limit: int) -> int:
    """Delete up to `limit` final states that were published longer ago than `KEEP_DAYS`; return how many."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("delete_old_final_states"), KEEP_DAYS, limit))
