"""The operator log: who changed what, when, why, and which messages it affected."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console import inputs
from gateway.console.dependencies import ConsoleDeps
from gateway.operations import log

PAGE = 50


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        below = inputs.below_id(request.query)
        actor, action = inputs.text_field(request.query, "actor"), inputs.text_field(request.query, "action")
        async with deps.pool.acquire() as connection:
            actions = await log.list_actions(
                connection, below=below, limit=PAGE, actor=actor or None, action=action or None
            )
        return deps.renderer.page(
            request,
            "log.html",
            actions=actions,
            older=actions[-1].id if len(actions) == PAGE else None,
            is_first_page=below is None,
            actor=actor,
            action=action,
        )

    return [web.get("/log", show)]
