"""Why messages did not arrive, at a glance: the newest of them, by reason."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store import searches
from gateway.store.filters import Filters
from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

LOOKED_AT = 1000
"""Of the newest messages of each state."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Messages in one state for one reason."""

    state: str
    code: str
    """The short code at the beginning of the reason; empty where there is none."""
    messages: int
    newest: datetime
    at_least: bool
    """There are more than were looked at."""


async def reasons(connection: Connection, since: datetime) -> list[Reason]:
    """Return why messages made since a moment did not arrive, the most frequent reason first."""
    floor, _ = await searches.bounds(connection, Filters(since=since))
    return [from_row(Reason, row) for row in await connection.fetch(query("count_stuck_reasons"), floor, LOOKED_AT)]
