"""Searches messages by the index that serves a filter, a limited number at a time.

A search has two steps. *Candidates* are ids, newest first, from the one index that the filter is served by; *matching*
reads these by primary key and applies every filter. So no search sorts or counts the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from gateway.store.filters import Filters, to_json
from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

NEWEST = 2**63 - 1
"""Above every id."""

ENDINGS = ("failed", "expired", "suppressed", "cancelled")
WAITING = ("scheduled", "held", "ready")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message, as `smsgw.message` shows it, and its tags. The number is not masked; the caller masks it."""

    id: int
    reference: str | None
    dedupe_key: str | None
    tenant: str
    lane: str
    to_number: str | None
    state: str
    reason: str | None
    attempts: int
    request_id: str | None
    external_id: str | None
    provider_message_id: str | None
    parts: int | None
    created_at: datetime
    not_before: datetime
    expires_at: datetime
    first_attempt_at: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    final_at: datetime | None
    group_recipients: int | None
    group_delivered: int | None
    group_undelivered: int | None
    tags: dict[str, str] | None


RECENT = "search_recent"
STRETCH = 100_000
"""Messages that one backward scan of the primary key reads at most."""

_KINDS = {
    **dict.fromkeys(WAITING, "waiting"),
    **dict.fromkeys(("sending", "retrying", "uncertain", "accepted", "unconfirmed"), "bound"),
}
"""The kind of a state in the message's own row. A held or ready message may also be bound to a request."""


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """Candidates of one step of a search."""

    ids: list[int]
    """Newest first."""
    reached: int | None
    """Every id from here on was searched; None if there is nothing below."""


@dataclass(frozen=True, slots=True)
class Source:
    """A query that returns candidates, and its arguments after the range of ids."""

    statement: str
    given: tuple[object, ...] = ()


async def bounds(connection: Connection, filters: Filters) -> tuple[int, int]:
    """Return the ids between which messages of the filters' time lie: from the first on, below the second."""
    until = filters.until
    if filters.ended_until is not None and (until is None or filters.ended_until < until):
        # A message that ended before a moment was created before it.
        until = filters.ended_until
    row = await connection.fetchrow(query("search_id_range"), filters.since, until)
    assert row is not None  # it is a select without a table  # noqa: S101
    return row["floor"], row["ceiling"]


def sources(filters: Filters) -> list[Source]:
    """Return the narrowest queries that together return every message that can match."""
    if filters.ids is not None:
        return [Source("search_by_ids", (list(filters.ids),))]
    if filters.request_id is not None:
        return [Source("search_by_request", (filters.request_id,))]
    if filters.reference is not None:
        return [Source("search_by_reference", (filters.reference,))]
    if filters.number is not None:
        return [Source("search_by_number", (filters.number,))]
    if filters.states is None or set(filters.states) & {"accepted", "delivered"}:
        # Most messages are in these states, so reading the table backwards fills a page soon, and finds the others too.
        return [_recent(filters)]
    return _by_state(filters, set(filters.states))


def _recent(filters: Filters) -> Source:
    kinds = None
    if filters.states is not None:
        bound = {"bound"} if {"ready", "held"} & set(filters.states) else set()
        kinds = sorted({_KINDS.get(state, state) for state in filters.states} | bound)
    return Source(RECENT, (STRETCH, filters.lane, filters.tenant, filters.tag, kinds))


def _by_state(filters: Filters, wanted: set[str]) -> list[Source]:
    found = []
    if endings := sorted(wanted & set(ENDINGS)):
        found.append(Source("search_ended", (endings,)))
    waiting = sorted(wanted & set(WAITING))
    # A message without a request has no answer and no reason.
    if waiting and filters.reason is None and filters.status is None:
        found.append(Source("search_waiting", (filters.lane, waiting)))
    open_ = ["in_flight"] if wanted & {"sending", "retrying", "held", "ready"} else []
    if "uncertain" in wanted:
        open_.append("uncertain")
    if open_:
        found.append(Source("search_open_requests", (open_,)))
    if "unconfirmed" in wanted:
        found.append(Source("search_unconfirmed"))
    if "undelivered" in wanted:
        found.append(Source("search_undelivered"))
    return found


async def candidates(
    connection: Connection, wanted: Sequence[Source], *, below: int, floor: int, limit: int
) -> CandidatePage:
    """Return ids, newest first: all ids of the sources down to the id that each of them has reached."""
    ids: set[int] = set()
    ends = []
    for source in wanted:
        page = await _ask(connection, source, below=below, floor=floor, limit=limit)
        ids.update(page.ids)
        if page.reached is not None:
            ends.append(page.reached)
    reached = max(ends, default=None)
    return CandidatePage(sorted((one for one in ids if reached is None or one >= reached), reverse=True), reached)


async def _ask(connection: Connection, source: Source, *, below: int, floor: int, limit: int) -> CandidatePage:
    rows = await connection.fetch(query(source.statement), below, floor, limit, *source.given)
    ids = [row["id"] for row in rows if row["id"] is not None]
    if len(ids) == limit:
        return CandidatePage(ids, ids[-1])
    if source.statement == RECENT and rows[0]["messages"] == STRETCH:
        return CandidatePage(ids, rows[0]["low"])
    return CandidatePage(ids, None)


async def matching(connection: Connection, ids: Sequence[int], filters: Filters) -> list[MessageRow]:
    """Return those of these messages that pass every filter, newest first."""
    rows = await connection.fetch(query("filter_messages"), list(ids), to_json(filters))
    return [from_row(MessageRow, row) for row in rows]


async def matching_ids(connection: Connection, ids: Sequence[int], filters: Filters) -> list[int]:
    """Return the ids of those that pass every filter, newest first: what counting and replaying need."""
    rows = await connection.fetch(_ids_only(), list(ids), to_json(filters))
    return [row["id"] for row in rows]


@cache
def _ids_only() -> str:
    return f"select found.id from ({query('filter_messages').rstrip().rstrip(';')}) as found"  # noqa: S608  our own file
