"""Lanes, pauses and limits: what an operator can change while the gateway runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import redirect
from gateway.domain.lanes import LANE_NAME
from gateway.operations import lanes, pause
from gateway.operations.lane_attributes import LANE_ATTRIBUTES, Kind
from gateway.operations.pause import Scope

RETURN_PATHS = {"stuck": "/stuck"}


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        status = (await deps.status_cache.snapshot()).report
        async with deps.pool.acquire() as connection:
            all_lanes = await lanes.list_lanes(connection)
            pauses = await pause.list_pauses(connection)
        return deps.renderer.page(
            request,
            "lanes.html",
            lanes=all_lanes,
            attributes=LANE_ATTRIBUTES,
            lane_status={lane.lane: lane for lane in status.lanes},
            pauses=pauses,
            paused_lanes={one.subject for one in pauses if one.scope == "lane"},
            scopes=[scope.value for scope in Scope],
            limits=status.limits,
            lane_name_pattern=LANE_NAME,
        )

    async def change(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        name = request.match_info.get("name") or inputs.required_field(form, "name", "Enter the lane's name.")
        async with deps.pool.acquire() as connection:
            await lanes.change(
                connection,
                inputs.lane_name(name),
                lane_values(form),
                actor=identity(request).actor,
                because=inputs.text_field(form, "because") or None,
            )
        await deps.status_cache.refresh()
        return redirect("/lanes", "lane")

    async def pause_scope(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        async with deps.pool.acquire() as connection:
            await pause.pause(
                connection,
                scope(form),
                inputs.text_field(form, "subject"),
                actor=identity(request).actor,
                because=inputs.required_field(form, "because", "A reason is required."),
                seconds=inputs.optional_duration(form, "for", "The duration"),
            )
        await deps.status_cache.refresh()
        return redirect("/lanes", "paused")

    async def resume(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        async with deps.pool.acquire() as connection:
            await pause.resume(
                connection,
                scope(form),
                inputs.text_field(form, "subject"),
                actor=identity(request).actor,
                because=inputs.text_field(form, "because") or None,
            )
        await deps.status_cache.refresh()
        return redirect(RETURN_PATHS.get(inputs.text_field(form, "back"), "/lanes"), "resumed")

    return [
        web.get("/lanes", show),
        web.post("/lanes", change),
        web.post("/lanes/pause", pause_scope),
        web.post("/lanes/resume", resume),
        web.post("/lanes/set/{name}", change),
    ]


def scope(form: Mapping[str, Any]) -> Scope:
    """Return what the form pauses or resumes."""
    return inputs.member(Scope, inputs.text_field(form, "scope"), "Unknown scope")


def lane_values(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes in the form of a lane. An unchecked box is absent, so `boxes` marks a form with boxes."""
    values: dict[str, Any] = {}
    for attribute in LANE_ATTRIBUTES:
        text = inputs.text_field(form, attribute.name)
        if attribute.kind is Kind.FLAG:
            if "boxes" in form:
                values[attribute.name] = text == "yes"
        elif text:
            values[attribute.name] = attribute.read(text)
    return values
