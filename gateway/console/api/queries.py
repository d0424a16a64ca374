"""Calls that read."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import (
    ActionQuery,
    BeforeQuery,
    Found,
    ListQuery,
    NumberBody,
    PageQuery,
    SearchBody,
    SpanQuery,
    SuppressedAnswer,
    Wanted,
)
from gateway.domain.phone import mask
from gateway.operations import lanes, log, pause, search, timeline, why
from gateway.operations.search import reason_filter
from gateway.operations.status import StatusReport
from gateway.operations.timeline import Timeline
from gateway.operations.why import Why
from gateway.store import reveals, samples, suppressions
from gateway.store.actions import Action
from gateway.store.filters import Filters
from gateway.store.lanes import Lane
from gateway.store.reveals import Reply
from gateway.store.samples import Cohort, Sample
from gateway.store.searches import MessageRow
from gateway.store.status import Pause
from gateway.store.suppressions import Suppressed


def filters_of(wanted: Wanted | ListQuery) -> Filters:
    """Return the filters that a call names."""
    values: dict[str, Any] = {
        name: getattr(wanted, name) for name in ("lane", "tenant", "tag", "reference", "since", "until")
    }
    if wanted.reason is not None:
        values |= reason_filter(wanted.reason)
    if isinstance(wanted, ListQuery):
        values["states"] = None if wanted.state is None else (wanted.state,)
    else:
        values |= {"states": wanted.states, "ids": wanted.ids, "number": getattr(wanted, "number", None)}
    return Filters(**values)


def masked(row: MessageRow) -> MessageRow:
    """Return a message with its number masked."""
    return replace(row, to_number=None if row.to_number is None else mask(row.to_number))


async def _status(asked: ApiRequest) -> StatusReport:
    return (await asked.deps.watch.latest()).now


async def _samples(asked: ApiRequest) -> list[Sample]:
    async with asked.deps.pool.acquire() as connection:
        return await samples.since(connection, asked.given.seconds)


async def _cohorts(asked: ApiRequest) -> list[Cohort]:
    return (await asked.deps.watch.latest()).cohorts


async def _messages(asked: ApiRequest) -> Found:
    async with asked.deps.pool.acquire() as connection:
        page = await search.find(connection, filters_of(asked.given), below=asked.given.below, limit=asked.given.limit)
    return Found(tuple(masked(row) for row in page.messages), page.next, page.complete)


async def _message(asked: ApiRequest) -> Timeline:
    async with asked.deps.pool.acquire() as connection:
        found = await timeline.read_timeline(connection, asked.id)
    if found is None:
        raise missing(f"there is no message {asked.id}")
    return replace(found, message=masked(found.message))


async def _why(asked: ApiRequest) -> Why:
    async with asked.deps.pool.acquire() as connection:
        found = await why.obstacles_of(connection, asked.id)
    if found is None:
        raise missing(f"there is no message {asked.id}")
    return replace(found, message=masked(found.message))


async def _lanes(asked: ApiRequest) -> list[Lane]:
    async with asked.deps.pool.acquire() as connection:
        return await lanes.listed(connection)


async def _pauses(asked: ApiRequest) -> list[Pause]:
    async with asked.deps.pool.acquire() as connection:
        return await pause.listed(connection)


async def _suppressions(asked: ApiRequest) -> list[Suppressed]:
    async with asked.deps.pool.acquire() as connection:
        rows = await suppressions.newest(connection, before=asked.given.before, limit=asked.given.limit)
    return [replace(row, number=mask(row.number)) for row in rows]


async def _is_suppressed(asked: ApiRequest) -> SuppressedAnswer:
    async with asked.deps.pool.acquire() as connection:
        hit = await suppressions.one(connection, asked.given.number)
    if hit is None:
        return SuppressedAnswer(suppressed=False)
    return SuppressedAnswer(suppressed=True, since=hit.created_at, source=hit.source, reason=hit.reason)


async def _replies(asked: ApiRequest) -> list[Reply]:
    async with asked.deps.pool.acquire() as connection:
        rows = await reveals.replies(connection, below=asked.given.below, limit=asked.given.limit)
    return [
        replace(row, from_number=mask(row.from_number), to_number=mask(row.to_number) or None, body=None)
        for row in rows
    ]


async def _actions(asked: ApiRequest) -> list[Action]:
    given: ActionQuery = asked.given
    async with asked.deps.pool.acquire() as connection:
        return await log.listed(
            connection,
            below=given.below,
            limit=given.limit,
            actor=given.actor,
            action=given.action,
            message_id=given.message_id,
        )


def missing(sentence: str) -> Exception:
    """Return the 404 that says so."""
    return web.HTTPNotFound(text=sentence)


ENDPOINTS = (
    Endpoint("GET", "/api/status", "status", "What stands where", StatusReport, _status),
    Endpoint("GET", "/api/samples", "samples", "How it stood, every five seconds", list[Sample], _samples, SpanQuery),
    Endpoint("GET", "/api/cohorts", "cohorts", "Delivery by half hour", list[Cohort], _cohorts),
    Endpoint("GET", "/api/messages", "listMessages", "Find messages", Found, _messages, ListQuery),
    Endpoint(
        "POST", "/api/messages/search", "searchMessages", "Find messages, by number too", Found, _messages, SearchBody
    ),
    Endpoint("GET", "/api/messages/{id}", "showMessage", "The story of a message", Timeline, _message, fails=(404,)),
    Endpoint("GET", "/api/messages/{id}/why", "whyMessage", "Why a message does not go", Why, _why, fails=(404,)),
    Endpoint("GET", "/api/lanes", "listLanes", "Lanes", list[Lane], _lanes),
    Endpoint("GET", "/api/pauses", "listPauses", "Pauses in force", list[Pause], _pauses),
    Endpoint(
        "GET",
        "/api/suppressions",
        "listSuppressions",
        "Suppressed numbers, masked",
        list[Suppressed],
        _suppressions,
        BeforeQuery,
    ),
    Endpoint(
        "POST",
        "/api/suppressions/check",
        "checkSuppression",
        "Whether a number is suppressed",
        SuppressedAnswer,
        _is_suppressed,
        NumberBody,
    ),
    Endpoint("GET", "/api/replies", "listReplies", "What phones wrote back, masked", list[Reply], _replies, PageQuery),
    Endpoint("GET", "/api/actions", "listActions", "The operator log", list[Action], _actions, ActionQuery),
)
