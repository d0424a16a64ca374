"""Endpoints that change the gateway: pauses, lanes and suppression; and the doctor."""

from typing import Any

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import ChangeResult, LaneBody, PauseBody, ResumeBody, SuppressionBody
from gateway.operations import lanes, pause, suppression
from gateway.operations.doctor import Check
from gateway.operations.pause import Pause, Resumed


async def _pause(request: ApiRequest) -> Pause:
    body: PauseBody = request.input
    async with request.deps.pool.acquire() as connection:
        paused = await pause.pause(
            connection,
            body.scope,
            body.subject,
            actor=request.identity.actor,
            because=body.because,
            seconds=body.seconds,
        )
    await request.deps.status_cache.refresh()
    return paused


async def _resume(request: ApiRequest) -> Resumed:
    body: ResumeBody = request.input
    async with request.deps.pool.acquire() as connection:
        resumed = await pause.resume(
            connection, body.scope, body.subject, actor=request.identity.actor, because=body.because
        )
    await request.deps.status_cache.refresh()
    return resumed


async def _change_lane(request: ApiRequest) -> ChangeResult:
    body: dict[str, Any] = request.input.model_dump(exclude_none=True)
    because = body.pop("because", None)
    async with request.deps.pool.acquire() as connection:
        created = await lanes.change(
            connection, request.path["name"], body, actor=request.identity.actor, because=because
        )
    return ChangeResult(created)


async def _suppress(request: ApiRequest) -> ChangeResult:
    body: SuppressionBody = request.input
    async with request.deps.pool.acquire() as connection:
        created = await suppression.add(connection, body.number, actor=request.identity.actor, because=body.because)
    return ChangeResult(created)


async def _unsuppress(request: ApiRequest) -> ChangeResult:
    body: SuppressionBody = request.input
    async with request.deps.pool.acquire() as connection:
        await suppression.remove(connection, body.number, actor=request.identity.actor, because=body.because)
    return ChangeResult(created=False)


async def _doctor(request: ApiRequest) -> list[Check]:
    return list(await request.deps.run_doctor())


CONFLICT = (409,)

ENDPOINTS = (
    Endpoint("GET", "/api/doctor", "doctor", "Run the doctor's checks", list[Check], _doctor, errors=(404,)),
    Endpoint(
        "POST",
        "/api/pauses",
        "pause",
        "Pause everything, a route, a lane, a tenant or a tag",
        Pause,
        _pause,
        PauseBody,
        needs_operator=True,
        errors=CONFLICT,
    ),
    Endpoint(
        "POST",
        "/api/pauses/resume",
        "resume",
        "Resume what is paused",
        Resumed,
        _resume,
        ResumeBody,
        needs_operator=True,
        errors=CONFLICT,
    ),
    Endpoint(
        "PATCH",
        "/api/lanes/{name}",
        "changeLane",
        "Change or create a lane",
        ChangeResult,
        _change_lane,
        LaneBody,
        needs_operator=True,
        errors=(404, 409),
    ),
    Endpoint(
        "POST",
        "/api/suppressions",
        "suppress",
        "Suppress a number",
        ChangeResult,
        _suppress,
        SuppressionBody,
        needs_operator=True,
        errors=CONFLICT,
    ),
    Endpoint(
        "POST",
        "/api/suppressions/remove",
        "unsuppress",
        "Remove a number from the suppression list",
        ChangeResult,
        _unsuppress,
        SuppressionBody,
        needs_operator=True,
        errors=CONFLICT,
    ),
)
