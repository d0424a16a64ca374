"""Lanes, pauses and limits: what may be tuned while the gateway runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import see
from gateway.domain.lanes import LANE_NAME
from gateway.operations import lanes, pause
from gateway.operations.pause import Scope

BACK = {"stuck": "/stuck"}


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        look = await deps.watch.latest()
        async with deps.pool.acquire() as connection:
            every = await lanes.listed(connection)
            pauses = await pause.listed(connection)
        return deps.renderer.page(
            request,
            "lanes.html",
            lanes=every,
            waiting={line.lane: line for line in look.now.lanes},
            pauses=pauses,
            paused={one.subject for one in pauses if one.scope == "lane"},
            scopes=[scope.value for scope in Scope],
            limits=look.now.limits,
            lane_name=LANE_NAME,
        )

    async def change(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        name = inputs.lane(request.match_info.get("name") or inputs.needed(form, "name", "Name the lane."))
        async with deps.pool.acquire() as connection:
            await lanes.change(
                connection,
                name,
                lane_values(form),
                actor=identity(request).actor,
                because=inputs.word(form, "because") or None,
            )
        await deps.watch.look()
        return see("/lanes", "lane")

    async def pause_scope(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        async with deps.pool.acquire() as connection:
            await pause.pause(
                connection,
                scope(form),
                inputs.word(form, "subject"),
                actor=identity(request).actor,
                because=inputs.needed(form, "because", "Say why; whoever is called at night will want to know."),
                seconds=inputs.optional_span(form, "for", "The length"),
            )
        await deps.watch.look()
        return see("/lanes", "paused")

    async def resume(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        async with deps.pool.acquire() as connection:
            await pause.resume(
                connection,
                scope(form),
                inputs.word(form, "subject"),
                actor=identity(request).actor,
                because=inputs.word(form, "because") or None,
            )
        await deps.watch.look()
        return see(BACK.get(inputs.word(form, "back"), "/lanes"), "resumed")

    return [
        web.get("/lanes", show),
        web.post("/lanes", change),
        web.post("/lanes/pause", pause_scope),
        web.post("/lanes/resume", resume),
        web.post("/lanes/set/{name}", change),
    ]


def scope(form: Mapping[str, Any]) -> Scope:
    """Return what a pause is of."""
    try:
        return Scope(inputs.word(form, "scope"))
    except ValueError:
        raise inputs.BadInput(f"A scope is one of {', '.join(one.value for one in Scope)}.") from None


def lane_values(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form of a lane says. Check boxes say no by being absent, so the form says that it has them."""
    values: dict[str, Any] = {}
    for name, label in (("weight", "The weight"), ("max_attempts", "Attempts"), ("cap_percent", "The cap")):
        text = inputs.word(form, name)
        if text:
            if not text.isascii() or not text.isdigit() or len(text) > 6:
                raise inputs.BadInput(f"{label} is a whole number.")
            values[name] = int(text)
    ttl = inputs.optional_span(form, "ttl", "The time to live")
    if ttl is not None:
        values["ttl"] = ttl
    if on_uncertain := inputs.word(form, "on_uncertain"):
        values["on_uncertain"] = on_uncertain
    if "boxes" in form:
        values |= {name: inputs.word(form, name) == "yes" for name in ("urgent", "coalesce")}
    return values
