"""Calls that mend messages: cancel, resolve, reveal, replay."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import (
    CancelAnswer,
    OptionalReason,
    PlanAnswer,
    PlanBody,
    Reason,
    ReplayBody,
    ResolveBody,
    TallyAnswer,
)
from gateway.console.api.queries import filters_of, missing
from gateway.operations import cancel, replay, resolve, reveal, search
from gateway.operations.replay import ReplayCount
from gateway.operations.resolve import Resolved
from gateway.operations.reveal import Content, Reply
from gateway.store import replays, reveals
from gateway.store.pool import Connection
from gateway.store.replays import Replay


async def _present(connection: Connection, message_id: int) -> None:
    if await search.one(connection, message_id) is None:
        raise missing(f"there is no message {message_id}")


async def _reveal(asked: ApiRequest) -> Content:
    async with asked.deps.pool.acquire() as connection:
        await _present(connection, asked.id)
        return await reveal.message(connection, asked.id, actor=asked.who.actor)


async def _reveal_reply(asked: ApiRequest) -> Reply:
    async with asked.deps.pool.acquire() as connection:
        if await reveals.reply(connection, asked.id) is None:
            raise missing(f"there is no reply {asked.id}")
        return await reveal.reply(connection, asked.id, actor=asked.who.actor)


async def _cancel(asked: ApiRequest) -> CancelAnswer:
    async with asked.deps.pool.acquire() as connection:
        await _present(connection, asked.id)
        done = await cancel.cancel(connection, [asked.id], actor=asked.who.actor, because=asked.given.because)
    return CancelAnswer.of(done)


async def _resolve(asked: ApiRequest) -> Resolved:
    given: ResolveBody = asked.given
    async with asked.deps.pool.acquire() as connection:
        await _present(connection, asked.id)
        return await resolve.resolve(
            connection,
            asked.id,
            given.how,
            actor=asked.who.actor,
            because=given.because,
            new_ttl=given.new_ttl,
        )


async def _planned(connection: Connection, given: PlanBody) -> tuple[replay.Plan, datetime]:
    agreed = given.ended_until or datetime.now(UTC)
    filters = replace(filters_of(given), ended_until=agreed)
    return await replay.plan(connection, filters, new_ttl=given.new_ttl), agreed


async def _plan(asked: ApiRequest) -> PlanAnswer:
    async with asked.deps.pool.acquire() as connection:
        planned, agreed = await _planned(connection, asked.given)
    return PlanAnswer(
        found=planned.found,
        safe=_tally(planned.safe),
        risky=_tally(planned.risky),
        left_out=_tally(planned.left_out),
        steps={step.value: _tally(tally) for step, tally in planned.steps.items()},
        also_affected=planned.also_affected,
        agreed=agreed,
    )


def _tally(tally: ReplayCount) -> TallyAnswer:
    return TallyAnswer(tally.messages, tally.parts)


async def _begin(asked: ApiRequest) -> Replay:
    given: ReplayBody = asked.given
    async with asked.deps.pool.acquire() as connection:
        planned, _ = await _planned(connection, given)
        begun = await replay.begin(
            connection,
            planned,
            actor=asked.who.actor,
            because=given.because,
            allow_duplicates=given.allow_duplicates,
        )
    asked.deps.replays.run_in_background(begun.id, actor=asked.who.actor)
    return begun


async def _list(asked: ApiRequest) -> list[Replay]:
    async with asked.deps.pool.acquire() as connection:
        return await replay.latest(connection)


async def _show(asked: ApiRequest) -> Replay:
    async with asked.deps.pool.acquire() as connection:
        at = await replays.one(connection, asked.id)
    if at is None:
        raise missing(f"there is no replay {asked.id}")
    return at


async def _go_on(asked: ApiRequest) -> Replay:
    at = await _show(asked)
    if at.finished_at is None and not at.stopped:
        asked.deps.replays.run_in_background(at.id, actor=asked.who.actor)
    return at


async def _stop(asked: ApiRequest) -> Replay:
    at = await _show(asked)
    async with asked.deps.pool.acquire() as connection:
        return await replay.stop(connection, at.id, actor=asked.who.actor, because=asked.given.because)


GONE, NOT_NOW = (404,), (404, 409)

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/messages/{id}/reveal",
        "revealMessage",
        "Number and text of a message; recorded",
        Content,
        _reveal,
        changes=True,
        fails=GONE,
    ),
    Endpoint(
        "POST",
        "/api/messages/{id}/cancel",
        "cancelMessage",
        "Call a message back",
        CancelAnswer,
        _cancel,
        Reason,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "POST",
        "/api/messages/{id}/resolve",
        "resolveMessage",
        "Settle an uncertain message",
        Resolved,
        _resolve,
        ResolveBody,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "POST",
        "/api/replies/{id}/reveal",
        "revealReply",
        "Number and text of a reply; recorded",
        Reply,
        _reveal_reply,
        changes=True,
        fails=GONE,
    ),
    Endpoint(
        "POST",
        "/api/replay/plan",
        "planReplay",
        "What a replay would do; changes nothing",
        PlanAnswer,
        _plan,
        PlanBody,
        fails=(409,),
    ),
    Endpoint(
        "POST",
        "/api/replay",
        "beginReplay",
        "Send again what did not arrive",
        Replay,
        _begin,
        ReplayBody,
        changes=True,
        fails=(409,),
    ),
    Endpoint("GET", "/api/replay", "listReplays", "Latest replays", list[Replay], _list),
    Endpoint("GET", "/api/replay/{id}", "showReplay", "How far a replay is", Replay, _show, fails=GONE),
    Endpoint(
        "POST",
        "/api/replay/{id}/continue",
        "continueReplay",
        "Go on with an unfinished replay",
        Replay,
        _go_on,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "POST",
        "/api/replay/{id}/stop",
        "stopReplay",
        "Stop a replay for good",
        Replay,
        _stop,
        OptionalReason,
        changes=True,
        fails=NOT_NOW,
    ),
)
