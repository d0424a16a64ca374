"""Suppressed numbers. They are masked: an operator who adds or removes one already has it."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import redirect
from gateway.operations import suppression
from gateway.operations.suppression import Suppressed

PAGE = 50


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(
        request: web.Request, *, checked: bool = False, suppressed: Suppressed | None = None
    ) -> web.Response:
        cursor = inputs.text_field(request.query, "before")
        before = inputs.timestamp(cursor) if cursor else None
        async with deps.pool.acquire() as connection:
            newest = await suppression.newest(connection, before=before, limit=PAGE)
        return deps.renderer.page(
            request,
            "suppression.html",
            newest=newest,
            older=newest[-1].created_at.isoformat() if len(newest) == PAGE else None,
            is_first_page=before is None,
            checked=checked,
            suppressed=suppressed,
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def check(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.phone_number(inputs.text_field(form, "number"))
        async with deps.pool.acquire() as connection:
            suppressed = await suppression.find(connection, number)
        return await page(request, checked=True, suppressed=suppressed)

    async def add(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.phone_number(inputs.text_field(form, "number"))
        because = inputs.required_field(form, "because", "A reason is required.")
        async with deps.pool.acquire() as connection:
            is_new = await suppression.add(connection, number, actor=identity(request).actor, because=because)
        return redirect("/suppression", "suppressed" if is_new else "suppressed-before")

    async def remove(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.phone_number(inputs.text_field(form, "number"))
        because = inputs.required_field(form, "because", "Write down who consented, and how.")
        async with deps.pool.acquire() as connection:
            await suppression.remove(connection, number, actor=identity(request).actor, because=because)
        return redirect("/suppression", "unsuppressed")

    return [
        web.get("/suppression", show),
        web.post("/suppression/check", check),
        web.post("/suppression/add", add),
        web.post("/suppression/remove", remove),
    ]
