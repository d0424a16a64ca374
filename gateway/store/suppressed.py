"""The list of suppressed numbers as people page through it: the newest first."""

from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.sql import query
from gateway.store.suppressions import Suppressed

__all__ = ["Suppressed", "newest", "one"]


async def newest(connection: Connection, *, before: datetime | None = None, limit: int = 50) -> list[Suppressed]:
    """Return suppressed numbers, the newest first, from before a time on."""
    return [Suppressed(*row.values()) for row in await connection.fetch(query("suppression_newest"), before, limit)]


async def one(connection: Connection, number: str) -> Suppressed | None:
    """Return how a number (E.164) came to be suppressed; None when it is not."""
    row = await connection.fetchrow(query("suppression_one"), number)
    return None if row is None else Suppressed(*row.values())
