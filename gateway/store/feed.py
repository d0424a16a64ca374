"""The feed of final states: news of all transactions, given their places by one writer at a time."""

from gateway.store.leadership import FEED, NAMESPACE
from gateway.store.pool import Pool
from gateway.store.sql import query

CHANNEL = "smsgw_final"
KEEP_DAYS = 30
"""How long an application may stay away and still read on where it stopped."""


async def place(pool: Pool, limit: int) -> int:
    """Give up to `limit` final states their places; return how many, 0 also while another replica does it.

    The lock is held to the commit: the next writer's places become visible after these, so a reader that has seen a
    place has seen all before it.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select pg_try_advisory_xact_lock($1, $2)", NAMESPACE, FEED):
            return 0
        placed: int = await connection.fetchval(query("feed_place"), limit)
        if placed:
            await connection.execute("select pg_notify($1, '')", CHANNEL)
        return placed


async def prune(pool: Pool, limit: int) -> int:
    """Forget up to `limit` places that are older than `KEEP_DAYS`; return how many."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("feed_prune"), KEEP_DAYS, limit))
