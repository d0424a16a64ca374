"""Numbers that nothing is sent to. They are shown masked: who adds or removes one has it already."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import see
from gateway.operations import suppression
from gateway.store import suppressions

PAGE = 50


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(
        request: web.Request, *, asked: bool = False, hit: suppressions.Suppressed | None = None
    ) -> web.Response:
        below = inputs.word(request.query, "below")
        before = inputs.moment(below) if below else None
        async with deps.pool.acquire() as connection:
            rows = await suppressions.newest(connection, before=before, limit=PAGE)
        older = rows[-1].created_at.isoformat() if len(rows) == PAGE else None
        return deps.renderer.page(
            request, "suppression.html", rows=rows, older=older, first=before is None, asked=asked, hit=hit
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def check(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.number(inputs.word(form, "number"))
        async with deps.pool.acquire() as connection:
            hit = await suppressions.one(connection, number)
        return await page(request, asked=True, hit=hit)

    async def add(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.number(inputs.word(form, "number"))
        because = inputs.needed(form, "because", "Say why.")
        async with deps.pool.acquire() as connection:
            new = await suppression.add(connection, number, actor=identity(request).actor, because=because)
        return see("/suppression", "suppressed" if new else "suppressed-before")

    async def remove(request: web.Request) -> web.Response:
        form: Mapping[str, Any] = await request.post()
        number = inputs.number(inputs.word(form, "number"))
        because = inputs.needed(form, "because", "Say who consented, and how.")
        async with deps.pool.acquire() as connection:
            await suppression.remove(connection, number, actor=identity(request).actor, because=because)
        return see("/suppression", "unsuppressed")

    return [
        web.get("/suppression", show),
        web.post("/suppression/check", check),
        web.post("/suppression/add", add),
        web.post("/suppression/remove", remove),
    ]
