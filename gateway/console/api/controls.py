"""Calls that tune the gateway: pauses, lanes, suppression; and the one that looks it over."""

from gateway.console.api.endpoints import ApiRequest, Endpoint
from gateway.console.api.models import Changed, LaneBody, NumberChange, PauseBody, ResumeBody
from gateway.operations import lanes, pause, suppression
from gateway.operations.doctor import Check
from gateway.operations.pause import Resumed
from gateway.store.lanes import COLUMNS
from gateway.store.status import Pause


async def _pause(asked: ApiRequest) -> Pause:
    given: PauseBody = asked.given
    async with asked.deps.pool.acquire() as connection:
        done = await pause.pause(
            connection,
            given.scope,
            given.subject,
            actor=asked.who.actor,
            because=given.because,
            seconds=given.seconds,
        )
    await asked.deps.watch.look()
    return done


async def _resume(asked: ApiRequest) -> Resumed:
    given: ResumeBody = asked.given
    async with asked.deps.pool.acquire() as connection:
        done = await pause.resume(connection, given.scope, given.subject, actor=asked.who.actor, because=given.because)
    await asked.deps.watch.look()
    return done


async def _lane(asked: ApiRequest) -> Changed:
    given: LaneBody = asked.given
    values = {name: value for name in COLUMNS if (value := getattr(given, name)) is not None}
    async with asked.deps.pool.acquire() as connection:
        new = await lanes.change(connection, asked.path["name"], values, actor=asked.who.actor, because=given.because)
    return Changed(new)


async def _suppress(asked: ApiRequest) -> Changed:
    given: NumberChange = asked.given
    async with asked.deps.pool.acquire() as connection:
        new = await suppression.add(connection, given.number, actor=asked.who.actor, because=given.because)
    return Changed(new)


async def _unsuppress(asked: ApiRequest) -> Changed:
    given: NumberChange = asked.given
    async with asked.deps.pool.acquire() as connection:
        await suppression.remove(connection, given.number, actor=asked.who.actor, because=given.because)
    return Changed(new=True)


async def _doctor(asked: ApiRequest) -> list[Check]:
    return list(await asked.deps.examine())


NOT_NOW = (409,)

ENDPOINTS = (
    Endpoint("GET", "/api/doctor", "doctor", "What the doctor says", list[Check], _doctor, fails=(404,)),
    Endpoint(
        "POST",
        "/api/pauses",
        "pause",
        "Hold back what has not been sent",
        Pause,
        _pause,
        PauseBody,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "POST",
        "/api/pauses/resume",
        "resume",
        "Let go on what is paused",
        Resumed,
        _resume,
        ResumeBody,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "PATCH",
        "/api/lanes/{name}",
        "changeLane",
        "Change a lane, or make it",
        Changed,
        _lane,
        LaneBody,
        changes=True,
        fails=(404, 409),
    ),
    Endpoint(
        "POST",
        "/api/suppressions",
        "suppress",
        "Send nothing to a number",
        Changed,
        _suppress,
        NumberChange,
        changes=True,
        fails=NOT_NOW,
    ),
    Endpoint(
        "POST",
        "/api/suppressions/remove",
        "unsuppress",
        "Send to a number again",
        Changed,
        _unsuppress,
        NumberChange,
        changes=True,
        fails=NOT_NOW,
    ),
)
