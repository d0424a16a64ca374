"""Replies: what phones sent back."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import is_htmx
from gateway.operations import reveal
from gateway.operations.reveal import Reply

PAGE = 50
KEYWORDS = ("stop", "start", "help")
REVEAL_PATH = "/replies/{id:[0-9]{1,19}}/reveal"


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(request: web.Request, revealed: Reply | None = None) -> web.Response:
        keyword = request.query.get("keyword")
        if keyword not in KEYWORDS:
            keyword = None
        below = inputs.below_id(request.query) if revealed is None else revealed.id + 1
        async with deps.pool.acquire() as connection:
            replies = await reveal.replies(connection, below=below, limit=PAGE, keyword=keyword)
        return deps.renderer.page(
            request,
            "replies.html",
            replies=replies,
            older=replies[-1].id if len(replies) == PAGE else None,
            is_first_page=below is None,
            keyword=keyword,
            keywords=KEYWORDS,
            revealed_reply=revealed,
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def reveal_one(request: web.Request) -> web.Response:
        reply_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            reply = await reveal.reply(connection, reply_id, actor=identity(request).actor)
        if is_htmx(request):
            return deps.renderer.page(request, "fragments/reply_row.html", reply=reply, revealed=True)
        return await page(request, reply)

    return [web.get("/replies", show), web.post(REVEAL_PATH, reveal_one)]
