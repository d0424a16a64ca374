"""Endpoints that read."""

from dataclasses import fields, replace
from typing import Any

from aiohttp import web

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import (
    ActionQuery,
    BeforeQuery,
    ListQuery,
    MessageFilters,
    MessagePage,
    NumberBody,
    PageQuery,
    SamplesQuery,
    SearchBody,
    SuppressionResult,
)
from gateway.domain.phone import mask
from gateway.operations import lanes, log, pause, reveal, samples, search, suppression, timeline, why
from gateway.operations.filters import reason_filter
from gateway.operations.lanes import Lane
from gateway.operations.log import Action
from gateway.operations.pause import Pause
from gateway.operations.reveal import Reply
from gateway.operations.samples import Cohort, Sample
from gateway.operations.search import Filters, MessageRow
from gateway.operations.status import StatusReport
from gateway.operations.suppression import Suppressed
from gateway.operations.timeline import Timeline
from gateway.operations.why import Why


def filters_of(given: MessageFilters | ListQuery) -> Filters:
    """Return the filters of a request."""
    values: dict[str, Any] = {field.name: getattr(given, field.name, None) for field in fields(Filters)}
    if given.reason is not None:
        values |= {"reason": None, **reason_filter(given.reason)}
    if isinstance(given, ListQuery):
        values["states"] = None if given.state is None else (given.state,)
    return Filters(**values)


def masked(row: MessageRow) -> MessageRow:
    """Return a message with its number masked."""
    return replace(row, to_number=None if row.to_number is None else mask(row.to_number))


async def _status(request: ApiRequest) -> StatusReport:
    return (await request.deps.status_cache.snapshot()).report


async def _samples(request: ApiRequest) -> list[Sample]:
    query: SamplesQuery = request.input
    async with request.deps.pool.acquire() as connection:
        return await samples.since(connection, query.seconds)


async def _cohorts(request: ApiRequest) -> list[Cohort]:
    return (await request.deps.status_cache.snapshot()).cohorts


async def _messages(request: ApiRequest) -> MessagePage:
    query: ListQuery | SearchBody = request.input
    async with request.deps.pool.acquire() as connection:
        page = await search.find(connection, filters_of(query), below=query.below, limit=query.limit)
    return MessagePage(tuple(masked(row) for row in page.messages), page.next, page.timed_out)


async def _message(request: ApiRequest) -> Timeline:
    async with request.deps.pool.acquire() as connection:
        found = await timeline.read_timeline(connection, request.id)
    if found is None:
        raise not_found("message", request.id)
    return replace(found, message=masked(found.message))


async def _why(request: ApiRequest) -> Why:
    async with request.deps.pool.acquire() as connection:
        found = await why.diagnose(connection, request.id)
    if found is None:
        raise not_found("message", request.id)
    return replace(found, message=masked(found.message))


async def _lanes(request: ApiRequest) -> list[Lane]:
    async with request.deps.pool.acquire() as connection:
        return await lanes.list_lanes(connection)


async def _pauses(request: ApiRequest) -> list[Pause]:
    async with request.deps.pool.acquire() as connection:
        return await pause.list_pauses(connection)


async def _suppressions(request: ApiRequest) -> list[Suppressed]:
    query: BeforeQuery = request.input
    async with request.deps.pool.acquire() as connection:
        rows = await suppression.newest(connection, before=query.before, limit=query.limit)
    return [replace(row, number=mask(row.number)) for row in rows]


async def _check_suppression(request: ApiRequest) -> SuppressionResult:
    body: NumberBody = request.input
    async with request.deps.pool.acquire() as connection:
        found = await suppression.find(connection, body.number)
    if found is None:
        return SuppressionResult(suppressed=False)
    return SuppressionResult(suppressed=True, since=found.created_at, source=found.source, reason=found.reason)


async def _replies(request: ApiRequest) -> list[Reply]:
    query: PageQuery = request.input
    async with request.deps.pool.acquire() as connection:
        rows = await reveal.replies(connection, below=query.below, limit=query.limit)
    return [
        replace(row, from_number=mask(row.from_number), to_number=mask(row.to_number) or None, body=None)
        for row in rows
    ]


async def _actions(request: ApiRequest) -> list[Action]:
    query: ActionQuery = request.input
    async with request.deps.pool.acquire() as connection:
        return await log.list_actions(
            connection,
            below=query.below,
            limit=query.limit,
            actor=query.actor,
            action=query.action,
            message_id=query.message_id,
        )


def not_found(kind: str, row_id: int) -> Exception:
    """Return the 404 for a row that does not exist."""
    return web.HTTPNotFound(text=f"There is no {kind} {row_id}.")


ENDPOINTS = (
    Endpoint("GET", "/api/status", "status", "Backlog, limits, pauses, routes and processes", StatusReport, _status),
    Endpoint("GET", "/api/samples", "samples", "Backlog samples, one per 5 s", list[Sample], _samples, SamplesQuery),
    Endpoint("GET", "/api/cohorts", "cohorts", "Delivery by half hour", list[Cohort], _cohorts),
    Endpoint("GET", "/api/messages", "listMessages", "Find messages", MessagePage, _messages, ListQuery),
    Endpoint(
        "POST",
        "/api/messages/search",
        "searchMessages",
        "Find messages, also by number",
        MessagePage,
        _messages,
        SearchBody,
    ),
    Endpoint(
        "GET", "/api/messages/{id}", "showMessage", "The timeline of a message", Timeline, _message, errors=(404,)
    ),
    Endpoint("GET", "/api/messages/{id}/why", "whyMessage", "Why a message is not sent yet", Why, _why, errors=(404,)),
    Endpoint("GET", "/api/lanes", "listLanes", "List lanes", list[Lane], _lanes),
    Endpoint("GET", "/api/pauses", "listPauses", "List pauses", list[Pause], _pauses),
    Endpoint(
        "GET",
        "/api/suppressions",
        "listSuppressions",
        "List suppressed numbers, masked",
        list[Suppressed],
        _suppressions,
        BeforeQuery,
    ),
    Endpoint(
        "POST",
        "/api/suppressions/check",
        "checkSuppression",
        "Check whether a number is suppressed",
        SuppressionResult,
        _check_suppression,
        NumberBody,
    ),
    Endpoint("GET", "/api/replies", "listReplies", "List replies, masked", list[Reply], _replies, PageQuery),
    Endpoint("GET", "/api/actions", "listActions", "List the operator log", list[Action], _actions, ActionQuery),
)
