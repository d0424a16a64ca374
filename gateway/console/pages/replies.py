"""What phones wrote back."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.operations import reveal
from gateway.store import reveals

PAGE = 50
KEYWORDS = ("stop", "start", "help")
PATH = "/replies/{id:[0-9]{1,19}}/reveal"


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(request: web.Request, shown: Any = None) -> web.Response:
        keyword = request.query.get("keyword")
        if keyword not in KEYWORDS:
            keyword = None
        below = inputs.place(request.query) if shown is None else shown.id + 1
        async with deps.pool.acquire() as connection:
            rows = await reveals.replies(connection, below=below, limit=PAGE, keyword=keyword)
        older = rows[-1].id if len(rows) == PAGE else None
        return deps.renderer.page(
            request,
            "replies.html",
            rows=rows,
            older=older,
            first=below is None,
            keyword=keyword,
            keywords=KEYWORDS,
            shown=shown,
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def show_one(request: web.Request) -> web.Response:
        reply_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            found = await reveal.reply(connection, reply_id, actor=identity(request).actor)
        if request.headers.get("HX-Request"):
            return deps.renderer.page(request, "reply_row.html", r=found, revealed=True)
        return await page(request, found)

    return [web.get("/replies", show), web.post(PATH, show_one)]
