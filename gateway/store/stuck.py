"""Counts the newest messages that did not arrive, by reason."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store import searches
from gateway.store.filters import Filters
from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

MAX_COUNTED = 1000
"""The newest messages of each state that are counted."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Messages in one state for one reason."""

    state: str
    code: str
    """The short code at the beginning of the reason; empty where there is none."""
    messages: int
    newest: datetime
    at_least: bool
    """There may be more: the count reached its limit."""


async def reasons(connection: Connection, since: datetime) -> list[Reason]:
    """Return why messages created since a moment did not arrive, the most frequent reason first."""
    floor, _ = await searches.bounds(connection, Filters(since=since))
    return [from_row(Reason, row) for row in await connection.fetch(query("count_stuck_reasons"), floor, MAX_COUNTED)]
