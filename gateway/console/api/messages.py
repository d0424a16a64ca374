"""Endpoints that change messages: reveal, cancel, resolve, replay."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import (
    CancelResult,
    OptionalReason,
    PlanBody,
    PlanResult,
    Reason,
    ReplayBody,
    ResolveBody,
)
from gateway.console.api.queries import filters_of, not_found
from gateway.operations import cancel, replay, resolve, reveal, search
from gateway.operations.replay import Replay
from gateway.operations.resolve import Resolved
from gateway.operations.reveal import Content, Reply
from gateway.store.pool import Connection


async def _require_message(connection: Connection, message_id: int) -> None:
    if await search.get_message(connection, message_id) is None:
        raise not_found("message", message_id)


async def _reveal(request: ApiRequest) -> Content:
    async with request.deps.pool.acquire() as connection:
        await _require_message(connection, request.id)
        return await reveal.message(connection, request.id, actor=request.identity.actor)


async def _reveal_reply(request: ApiRequest) -> Reply:
    async with request.deps.pool.acquire() as connection:
        if await reveal.find_reply(connection, request.id) is None:
            raise not_found("reply", request.id)
        return await reveal.reply(connection, request.id, actor=request.identity.actor)


async def _cancel(request: ApiRequest) -> CancelResult:
    body: Reason = request.input
    async with request.deps.pool.acquire() as connection:
        await _require_message(connection, request.id)
        done = await cancel.cancel(connection, [request.id], actor=request.identity.actor, because=body.because)
    return CancelResult(done.ids, dict(done.refused))


async def _resolve(request: ApiRequest) -> Resolved:
    body: ResolveBody = request.input
    async with request.deps.pool.acquire() as connection:
        await _require_message(connection, request.id)
        return await resolve.resolve(
            connection,
            request.id,
            body.how,
            actor=request.identity.actor,
            because=body.because,
            new_ttl=body.new_ttl,
        )


async def _make_plan(connection: Connection, body: PlanBody) -> tuple[replay.Plan, datetime]:
    planned_at = body.ended_until or datetime.now(UTC)
    filters = replace(filters_of(body), ended_until=planned_at)
    return await replay.plan(connection, filters, new_ttl=body.new_ttl), planned_at


async def _plan(request: ApiRequest) -> PlanResult:
    async with request.deps.pool.acquire() as connection:
        plan, planned_at = await _make_plan(connection, request.input)
    return PlanResult(
        found=plan.found,
        safe=plan.safe,
        risky=plan.risky,
        left_out=plan.left_out,
        steps={step.value: count for step, count in plan.steps.items()},
        also_affected=plan.also_affected,
        ended_until=planned_at,
    )


async def _begin(request: ApiRequest) -> Replay:
    body: ReplayBody = request.input
    actor = request.identity.actor
    async with request.deps.pool.acquire() as connection:
        plan, _ = await _make_plan(connection, body)
        started = await replay.begin(
            connection, plan, actor=actor, because=body.because, allow_duplicates=body.allow_duplicates
        )
    request.deps.replays.start(started.id, actor=actor)
    return started


async def _list_replays(request: ApiRequest) -> list[Replay]:
    async with request.deps.pool.acquire() as connection:
        return await replay.latest(connection)


async def _show_replay(request: ApiRequest) -> Replay:
    async with request.deps.pool.acquire() as connection:
        found = await replay.find(connection, request.id)
    if found is None:
        raise not_found("replay", request.id)
    return found


async def _continue_replay(request: ApiRequest) -> Replay:
    found = await _show_replay(request)
    if found.finished_at is None and not found.stopped:
        request.deps.replays.start(found.id, actor=request.identity.actor)
    return found


async def _stop_replay(request: ApiRequest) -> Replay:
    found = await _show_replay(request)
    body: OptionalReason = request.input
    async with request.deps.pool.acquire() as connection:
        return await replay.stop(connection, found.id, actor=request.identity.actor, because=body.because)


NOT_FOUND, NOT_FOUND_OR_CONFLICT = (404,), (404, 409)

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/messages/{id}/reveal",
        "revealMessage",
        "Reveal the number and text of a message",
        Content,
        _reveal,
        needs_operator=True,
        errors=NOT_FOUND,
    ),
    Endpoint(
        "POST",
        "/api/messages/{id}/cancel",
        "cancelMessage",
        "Cancel a message",
        CancelResult,
        _cancel,
        Reason,
        needs_operator=True,
        errors=NOT_FOUND_OR_CONFLICT,
    ),
    Endpoint(
        "POST",
        "/api/messages/{id}/resolve",
        "resolveMessage",
        "Resolve an uncertain message",
        Resolved,
        _resolve,
        ResolveBody,
        needs_operator=True,
        errors=NOT_FOUND_OR_CONFLICT,
    ),
    Endpoint(
        "POST",
        "/api/replies/{id}/reveal",
        "revealReply",
        "Reveal the number and text of a reply",
        Reply,
        _reveal_reply,
        needs_operator=True,
        errors=NOT_FOUND,
    ),
    Endpoint(
        "POST",
        "/api/replay/plan",
        "planReplay",
        "Dry run of a replay; changes nothing",
        PlanResult,
        _plan,
        PlanBody,
        errors=(409,),
    ),
    Endpoint(
        "POST",
        "/api/replay",
        "beginReplay",
        "Start a replay",
        Replay,
        _begin,
        ReplayBody,
        needs_operator=True,
        errors=(409,),
    ),
    Endpoint("GET", "/api/replay", "listReplays", "List the latest replays", list[Replay], _list_replays),
    Endpoint(
        "GET", "/api/replay/{id}", "showReplay", "Show the progress of a replay", Replay, _show_replay, errors=NOT_FOUND
    ),
    Endpoint(
        "POST",
        "/api/replay/{id}/continue",
        "continueReplay",
        "Continue an unfinished replay",
        Replay,
        _continue_replay,
        needs_operator=True,
        errors=NOT_FOUND_OR_CONFLICT,
    ),
    Endpoint(
        "POST",
        "/api/replay/{id}/stop",
        "stopReplay",
        "Stop a replay for good",
        Replay,
        _stop_replay,
        OptionalReason,
        needs_operator=True,
        errors=NOT_FOUND_OR_CONFLICT,
    ),
)
