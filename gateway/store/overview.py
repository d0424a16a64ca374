"""What an operator sees first, beside the backlog: what went wrong lately, and how receipts come in."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

ATTEMPTS = 2000
LATELY = 3600.0
"""The last attempts that are looked at, and how many seconds back."""

RECEIPTS = 5000
MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Attempts that ended alike."""

    outcome: str
    status: int | None
    error: str | None
    attempts: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Receiving:
    """How receipts come in; counts are bounded by the constants of this module."""

    last_webhook: datetime | None
    last_poll: datetime | None
    webhooks_in_an_hour: int
    polled_in_an_hour: int
    unapplied: int
    oldest_unapplied: datetime | None
    unmatched: int


async def now(connection: Connection) -> float:
    """Return the database's time, in seconds of the epoch."""
    moment: float = await connection.fetchval(query("read_clock"))
    return moment


async def troubles(connection: Connection) -> list[Trouble]:
    """Return what went wrong lately, the latest first."""
    rows = await connection.fetch(query("list_recent_errors"), ATTEMPTS, LATELY)
    return [from_row(Trouble, row) for row in rows]


async def receiving(connection: Connection) -> Receiving:
    """Return how receipts come in."""
    row = await connection.fetchrow(query("summarize_receipts"), RECEIPTS, MOST_WAITING)
    assert row is not None  # it is a select without a table  # noqa: S101
    return from_row(Receiving, row)
