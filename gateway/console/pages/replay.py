"""The replay wizard: filters, dry run, confirmation, progress. `gateway.operations.replay` does the work."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import redirect
from gateway.operations import lanes, replay
from gateway.operations.replay import REPLAYABLE, Replay, Step

REPLAY_PATH = "/replay/{id:[0-9]{1,19}}"
STEP_TEXTS = {
    Step.RELEASE: "certainly not sent: goes back into the outbox",
    Step.REPEAT: "sent again under the same request id, which the provider still remembers",
    Step.RESEND: "may have arrived: would be a second copy",
    Step.EXPIRED: "expired: left out unless you set a new time to live",
    Step.IN_PROGRESS: "being sent already: left out",
    Step.DELIVERED: "delivered: left out",
}


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def wizard(request: web.Request) -> web.Response:
        async with deps.pool.acquire() as connection:
            latest = await replay.latest(connection)
            lane_names = [lane.name for lane in await lanes.list_lanes(connection)]
        return deps.renderer.page(
            request,
            "replay.html",
            fields=inputs.parse_search(request.query).fields,
            more_fields=inputs.MORE_FIELDS,
            latest=latest,
            states=REPLAYABLE,
            lane_names=lane_names,
            is_running=deps.replays.is_running,
        )

    async def dry_run(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        planned_at = datetime.now(UTC)
        async with deps.pool.acquire() as connection:
            plan = await _plan(connection, form, planned_at)
        return deps.renderer.page(
            request,
            "replay_plan.html",
            plan=plan,
            entered=inputs.parse_search(form).entered,
            new_ttl=inputs.text_field(form, "new_ttl"),
            planned_at=planned_at.isoformat(),
            step_texts=STEP_TEXTS,
        )

    async def begin(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        planned_at = inputs.timestamp(inputs.required_field(form, "planned_at", "Start with a dry run."))
        allow_duplicates = inputs.text_field(form, "allow_duplicates") == "yes"
        because = inputs.text_field(form, "because") or None
        actor = identity(request).actor
        async with deps.pool.acquire() as connection:
            plan = await _plan(connection, form, planned_at)
            started = await replay.begin(
                connection, plan, actor=actor, because=because, allow_duplicates=allow_duplicates
            )
        deps.replays.start(started.id, actor=actor)
        return redirect(f"/replay/{started.id}")

    async def show(request: web.Request) -> web.Response:
        current = await _find(deps, request)
        return deps.renderer.page_or_fragment(
            request,
            "replay_detail.html",
            "fragments/replay_progress.html",
            replay=current,
            is_running=deps.replays.is_running(current.id),
        )

    async def continue_(request: web.Request) -> web.Response:
        current = await _find(deps, request)
        if current.finished_at is None and not current.stopped:
            deps.replays.start(current.id, actor=identity(request).actor)
        return redirect(f"/replay/{current.id}")

    async def stop(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        current = await _find(deps, request)
        async with deps.pool.acquire() as connection:
            because = inputs.text_field(form, "because") or None
            await replay.stop(connection, current.id, actor=identity(request).actor, because=because)
        return redirect(f"/replay/{current.id}", "stopped")

    return [
        web.get("/replay", wizard),
        web.post("/replay/plan", dry_run),
        web.post("/replay", begin),
        web.get(REPLAY_PATH, show),
        web.post(REPLAY_PATH + "/continue", continue_),
        web.post(REPLAY_PATH + "/stop", stop),
    ]


async def _plan(connection: Any, form: Mapping[str, Any], planned_at: datetime) -> replay.Plan:
    """Plan what the form describes as of a time. A relative time of the form counts from it too."""
    filters = inputs.parse_search(form, now=planned_at).filters
    return await replay.plan(
        connection,
        # The operator did not agree to messages that ended after the dry run, so they are left out.
        replace(filters, ended_until=planned_at),
        new_ttl=inputs.optional_duration(form, "new_ttl", "The new time to live"),
    )


async def _find(deps: ConsoleDeps, request: web.Request) -> Replay:
    replay_id = inputs.identifier(request.match_info["id"])
    async with deps.pool.acquire() as connection:
        found = await replay.find(connection, replay_id)
    if found is None:
        raise web.HTTPNotFound(text=f"There is no replay {replay_id}.")
    return found
