"""Find messages by any filter, page by page, in bounded time whatever the size of the history."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from gateway.domain.states import NOT_SENT_STATES, State
from gateway.store import searches
from gateway.store.filters import Filters
from gateway.store.pool import Connection
from gateway.store.searches import NEWEST, MessageRow

__all__ = [
    "Count", "Filters", "MessageRow", "Page", "count", "find", "get_message", "iter_candidates", "with_implied_states",
]  # fmt: skip

STUCK = (State.UNCERTAIN, State.FAILED, State.UNDELIVERED, State.UNCONFIRMED)
"""States in which a person may need to act."""

WITH_REASON = (*NOT_SENT_STATES, State.UNDELIVERED, State.UNCERTAIN, State.RETRYING, State.HELD)
"""States whose messages have a reason, or may have met a refusal."""

FIRST_BATCH = 200
MAX_BATCH = 10_000
"""Candidates that are read at once; doubled while a page is not full."""

TIMEOUT = 2.0
"""Seconds for one page where few messages match."""

MAX_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, newest first."""

    messages: tuple[MessageRow, ...]
    next: int | None
    """Continue below this id; None if there are no more."""
    timed_out: bool = False
    """Whether the search stopped at its time limit. Continue from `next`."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many, up to a limit."""

    number: int
    at_least: bool

    def __str__(self) -> str:
        """Return `412`, or `10000+` for at least."""
        return f"{self.number}+" if self.at_least else str(self.number)


async def find(
    connection: Connection,
    filters: Filters,
    *,
    below: int | None = None,
    limit: int = 50,
    max_seconds: float = TIMEOUT,
    monotonic: Callable[[], float] = time.monotonic,
) -> Page:
    """Return a page of messages below an id, newest first.

    Where few messages match, the page may be short and `timed_out`, with the id to continue from.
    """
    found: list[MessageRow] = []
    deadline = monotonic() + max_seconds
    async for ids, below_id in iter_candidates(connection, filters, below=below, first=max(limit + 1, FIRST_BATCH)):
        found += await searches.matching(connection, ids, with_implied_states(filters)) if ids else []
        if len(found) > limit:
            return Page(tuple(found[:limit]), found[limit - 1].id)
        if below_id is None:
            break
        if monotonic() > deadline:
            return Page(tuple(found), below_id, timed_out=True)
    return Page(tuple(found), None)


async def iter_candidates(
    connection: Connection, filters: Filters, *, below: int | None = None, first: int = FIRST_BATCH
) -> AsyncIterator[tuple[list[int], int | None]]:
    """Yield ids that may match, in batches, each with the id below which the next batch begins; None with the last."""
    filters = with_implied_states(filters)
    wanted = searches.sources(filters)
    floor, ceiling = await searches.bounds(connection, filters)
    upper = min(ceiling, NEWEST if below is None else below)
    size = first
    while True:
        page = await searches.candidates(connection, wanted, below=upper, floor=floor, limit=size)
        yield page.ids, page.reached
        if page.reached is None:
            return
        upper = page.reached
        size = min(MAX_BATCH, size * 2)


async def count(
    connection: Connection, filters: Filters, *, limit: int = MAX_COUNT, max_seconds: float = TIMEOUT
) -> Count:
    """Return how many messages match, up to `limit`, or as many as `max_seconds` allow."""
    number = 0
    deadline = time.monotonic() + max_seconds
    async for ids, below_id in iter_candidates(connection, filters, first=1000):
        number += len(await searches.matching_ids(connection, ids, with_implied_states(filters))) if ids else 0
        if number > limit:
            return Count(limit, at_least=True)
        if below_id is not None and time.monotonic() > deadline:
            return Count(number, at_least=True)
    return Count(number, at_least=False)


async def get_message(connection: Connection, message_id: int) -> MessageRow | None:
    """Return a message by its id; None if there is none."""
    rows = await searches.matching(connection, [message_id], Filters())
    return rows[0] if rows else None


def with_implied_states(filters: Filters) -> Filters:
    """Return the filters with the states that a reason implies, so that the search can use an index."""
    if (filters.reason is not None or filters.status is not None) and filters.states is None:
        # Messages that were sent in the end are left out, whatever an earlier attempt met.
        return replace(filters, states=WITH_REASON)
    return filters
