"""The operators' log: who changed what, when, why, and which messages it touched."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console import inputs
from gateway.console.dependencies import ConsoleDeps
from gateway.operations import log

PAGE = 50


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        below = inputs.place(request.query)
        actor, action = inputs.word(request.query, "actor"), inputs.word(request.query, "action")
        async with deps.pool.acquire() as connection:
            rows = await log.listed(connection, below=below, limit=PAGE, actor=actor or None, action=action or None)
        return deps.renderer.page(
            request,
            "log.html",
            rows=rows,
            older=rows[-1].id if len(rows) == PAGE else None,
            first=below is None,
            actor=actor,
            action=action,
        )

    return [web.get("/log", show)]
