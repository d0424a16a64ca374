"""Find messages: by any filter, page by page, in bounded time however long the history is."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from gateway.domain.states import NOT_SENT_STATES, State
from gateway.store import searches
from gateway.store.filters import Filters
from gateway.store.pool import Connection
from gateway.store.searches import NEWEST, MessageRow

__all__ = [
    "Count", "Filters", "MessageRow", "Page", "count", "find", "looks", "narrowed", "one", "reason_filter",
]  # fmt: skip

STUCK = (State.UNCERTAIN, State.FAILED, State.UNDELIVERED, State.UNCONFIRMED)
"""States in which a person may have something to do."""

WITH_REASON = (*NOT_SENT_STATES, State.UNDELIVERED, State.UNCERTAIN, State.RETRYING, State.HELD)
"""The states whose messages carry a reason, or can have met a refusal."""

FIRST_LOOK = 200
LARGEST_LOOK = 10_000
"""Candidates of one look; doubled while a page is not full."""

PATIENCE = 2.0
"""Seconds that one page may take where a filter matches rarely."""

COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, newest first."""

    messages: tuple[MessageRow, ...]
    next: int | None
    """Go on below this id; None when there are no more."""
    complete: bool = True
    """False when the search ended for its time and not because the page is full or there are no more."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many, up to a bound."""

    number: int
    at_least: bool

    def __str__(self) -> str:
        """As a person reads it: `412`, or `10000+`."""
        return f"{self.number}+" if self.at_least else str(self.number)


async def find(
    connection: Connection,
    filters: Filters,
    *,
    below: int | None = None,
    limit: int = 50,
    patience: float = PATIENCE,
    monotonic: Callable[[], float] = time.monotonic,
) -> Page:
    """Return a page of messages, newest first, from below an id on.

    Where a filter matches rarely the page may come back short, and not `complete`, with the place to go on from.
    """
    found: list[MessageRow] = []
    deadline = monotonic() + patience
    async for ids, place in looks(connection, filters, below=below, first=max(limit + 1, FIRST_LOOK)):
        found += await searches.matching(connection, ids, narrowed(filters)) if ids else []
        if len(found) > limit:
            return Page(tuple(found[:limit]), found[limit - 1].id)
        if place is None:
            break
        if monotonic() > deadline:
            return Page(tuple(found), place, complete=False)
    return Page(tuple(found), None)


async def looks(
    connection: Connection, filters: Filters, *, below: int | None = None, first: int = FIRST_LOOK
) -> AsyncIterator[tuple[list[int], int | None]]:
    """Yield candidates, look after look, each with the id below which the next one goes on; None with the last."""
    filters = narrowed(filters)
    wanted = searches.sources(filters)
    floor, ceiling = await searches.bounds(connection, filters)
    place = min(ceiling, NEWEST if below is None else below)
    size = first
    while True:
        look = await searches.candidates(connection, wanted, below=place, floor=floor, most=size)
        yield look.ids, look.place
        if look.place is None:
            return
        place = look.place
        size = min(LARGEST_LOOK, size * 2)


async def count(connection: Connection, filters: Filters, *, most: int = COUNTED, patience: float = PATIENCE) -> Count:
    """Return how many messages match, up to `most` or as far as `patience` seconds lead."""
    number = 0
    deadline = time.monotonic() + patience
    async for ids, place in looks(connection, filters, first=1000):
        number += len(await searches.matching_ids(connection, ids, narrowed(filters))) if ids else 0
        if number > most:
            return Count(most, at_least=True)
        if place is not None and time.monotonic() > deadline:
            return Count(number, at_least=True)
    return Count(number, at_least=False)


async def one(connection: Connection, message_id: int) -> MessageRow | None:
    """Return a message by its id."""
    rows = await searches.matching(connection, [message_id], Filters())
    return rows[0] if rows else None


def narrowed(filters: Filters) -> Filters:
    """Return the filters with the states that a reason implies, so that an index can serve the search."""
    if (filters.reason is not None or filters.status is not None) and filters.states is None:
        # Those that went well in the end are left out, whatever an earlier attempt met.
        return replace(filters, states=WITH_REASON)
    return filters


def reason_filter(text: str) -> dict[str, str | int]:
    """Return the filter that a reason as typed means: a status of the provider, or a short code."""
    return {"status": int(text)} if text.isdigit() and len(text) == 3 else {"reason": text}
