"""Recent errors, and how receipts arrive."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

ATTEMPTS = 2000
LATELY = 3600.0
"""The number of attempts to read, and their maximum age in seconds."""

RECEIPTS = 5000
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Recent attempts with the same outcome, status and error."""

    outcome: str
    status: int | None
    error: str | None
    attempts: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Receiving:
    """How receipts arrive; counts are bounded by the constants of this module."""

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
    """Return recent errors, the latest first."""
    rows = await connection.fetch(query("list_recent_errors"), ATTEMPTS, LATELY)
    return [from_row(Trouble, row) for row in rows]


async def receiving(connection: Connection) -> Receiving:
    """Return how receipts arrive."""
    row = await connection.fetchrow(query("summarize_receipts"), RECEIPTS, MAX_WAITING)
    assert row is not None  # it is a select without a table  # noqa: S101
    return from_row(Receiving, row)
