"""The poller's queries: which receipts are missing, and which rows of the provider's listing are new."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.store.pool import Pool
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Missing:
    """Requests that the provider's listing can tell more about."""

    requests: int
    messages: int
    since: datetime | None
    """When the oldest of these requests was created; None if there are none."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the listing about a request of this installation."""

    request_id: UUID
    generation: int
    number: str
    delivery_status: str


async def missing(pool: Pool, *, after: float, until: float) -> Missing:
    """Return what lacks a final receipt after `after` seconds and is younger than `until` seconds."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(query("summarize_missing_receipts"), after, until)
    assert row is not None  # an aggregate always has a row  # noqa: S101
    return from_row(Missing, row)


async def new_rows(pool: Pool, rows: Sequence[Listed]) -> set[int]:
    """Return the positions of the rows that would change something."""
    async with pool.acquire() as connection:
        found = await connection.fetch(
            query("select_new_listing_rows"),
            [row.request_id for row in rows],
            [row.generation for row in rows],
            [row.number for row in rows],
            [row.delivery_status for row in rows],
        )
    return {row["position"] - 1 for row in found}


async def mark_polled(pool: Pool, began: float) -> int:
    """Record that the listing did not contain the uncertain requests; return how many these are."""
    async with pool.acquire() as connection:
        return len(await connection.fetch(query("mark_polled"), began))
