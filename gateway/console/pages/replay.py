"""The replay wizard: filter, dry run, confirm, progress. The engine is `gateway.operations.replay`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import see
from gateway.operations import replay
from gateway.operations.replay import REPLAYABLE, Step
from gateway.store import lanes, replays
from gateway.store.replays import Replay

PATH = "/replay/{id:[0-9]{1,19}}"
STEPS = {
    Step.RELEASE: "certainly not sent: goes back into the outbox",
    Step.REPEAT: "asked again under the same request id, which the provider still remembers",
    Step.RESEND: "may have arrived: would be a second copy",
    Step.OVER: "time to live is over: left out unless it gets a new one",
    Step.OPEN: "on its way already: left out",
    Step.DONE: "delivered: left out",
}
AGREED = "ended_until"
"""The moment of the dry run: what ends later was not in the count that the operator agreed to."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def wizard(request: web.Request) -> web.Response:
        async with deps.pool.acquire() as connection:
            latest = await replay.latest(connection)
            lane_names = [lane.name for lane in await lanes.list_lanes(connection)]
        return deps.renderer.page(
            request,
            "replay.html",
            fields=inputs.search(request.query).fields,
            latest=latest,
            states=REPLAYABLE,
            lane_names=lane_names,
            running=deps.replays.is_running,
        )

    async def dry_run(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        moment = datetime.now(UTC)
        async with deps.pool.acquire() as connection:
            planned = await _plan(connection, form, moment)
        return deps.renderer.page(
            request,
            "replay_plan.html",
            plan=planned,
            typed=inputs.search(form).typed,
            new_ttl=inputs.word(form, "new_ttl"),
            agreed=moment.isoformat(),
            steps=STEPS,
        )

    async def begin(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        moment = inputs.moment(inputs.needed(form, AGREED, "StatusSnapshot at the dry run first."))
        duplicates = inputs.word(form, "allow_duplicates") == "yes"
        because = inputs.word(form, "because") or None
        actor = identity(request).actor
        async with deps.pool.acquire() as connection:
            planned = await _plan(connection, form, moment)
            begun = await replay.begin(connection, planned, actor=actor, because=because, allow_duplicates=duplicates)
        deps.replays.run_in_background(begun.id, actor=actor)
        return see(f"/replay/{begun.id}")

    async def show(request: web.Request) -> web.Response:
        at = await _one(deps, request)
        template = "replay_progress.html" if request.headers.get("HX-Request") else "replay_one.html"
        return deps.renderer.page(request, template, at=at, running=deps.replays.is_running(at.id))

    async def go_on(request: web.Request) -> web.Response:
        at = await _one(deps, request)
        if at.finished_at is None and not at.stopped:
            deps.replays.run_in_background(at.id, actor=identity(request).actor)
        return see(f"/replay/{at.id}")

    async def stop(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        at = await _one(deps, request)
        async with deps.pool.acquire() as connection:
            because = inputs.word(form, "because") or None
            await replay.stop(connection, at.id, actor=identity(request).actor, because=because)
        return see(f"/replay/{at.id}", "stopped")

    return [
        web.get("/replay", wizard),
        web.post("/replay/plan", dry_run),
        web.post("/replay", begin),
        web.get(PATH, show),
        web.post(PATH + "/continue", go_on),
        web.post(PATH + "/stop", stop),
    ]


async def _plan(connection: Any, form: Mapping[str, Any], moment: datetime) -> replay.Plan:
    """Plan what the form asks for, as it was at a moment: a relative time counts from it too."""
    filters = inputs.search(form, now=moment).filters
    return await replay.plan(
        connection,
        replace(filters, ended_until=moment),
        new_ttl=inputs.optional_span(form, "new_ttl", "The new time to live"),
    )


async def _one(deps: ConsoleDeps, request: web.Request) -> Replay:
    replay_id = inputs.identifier(request.match_info["id"])
    async with deps.pool.acquire() as connection:
        at = await replays.one(connection, replay_id)
    if at is None:
        raise web.HTTPNotFound(text=f"There is no replay {replay_id}.")
    return at
