"""What the poller asks the database: what is missing, and which rows of the provider's listing are news."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Pool
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Missing:
    """What the provider's listing should be asked about."""

    requests: int
    messages: int
    since: datetime | None
    """When the oldest of those requests was made; None when nothing is missing."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the listing that is about a request of ours."""

    request_id: UUID
    generation: int
    number: str
    delivery_status: str


async def missing(pool: Pool, *, after: float, until: float) -> Missing:
    """Return what has no final receipt `after` seconds, and is younger than `until` seconds."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(query("poll_wanted"), after, until)
    assert row is not None  # an aggregate always has a row  # noqa: S101
    return from_row(Missing, row)


async def news(pool: Pool, rows: Sequence[Listed]) -> set[int]:
    """Return the positions of the rows that say something new."""
    async with pool.acquire() as connection:
        found = await connection.fetch(
            query("poll_news"),
            [row.request_id for row in rows],
            [row.generation for row in rows],
            [row.number for row in rows],
            [row.delivery_status for row in rows],
        )
    return {row["position"] - 1 for row in found}


async def looked(pool: Pool, began: float) -> int:
    """Say of what is still uncertain that the listing was read in vain; return how many requests that is."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("poll_looked"), began))
