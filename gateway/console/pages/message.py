"""One message: its story, why it does not go, what it says, and what may be done with it."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import see
from gateway.domain.states import FINAL_STATES
from gateway.operations import cancel, resolve, reveal, timeline, why
from gateway.operations.replay import REPLAYABLE
from gateway.operations.resolve import As
from gateway.operations.reveal import Content

PATH = "/messages/{id:[0-9]{1,19}}"


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""
    return [*_looking(deps), *_mending(deps)]


def _looking(deps: ConsoleDeps) -> list[web.RouteDef]:
    async def page(request: web.Request, content: Content | None = None) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            found = await timeline.read_timeline(connection, message_id)
            if found is None:
                raise web.HTTPNotFound(text=f"There is no message {message_id}.")
            cancellable = await cancel.possible(connection, message_id)
        return deps.renderer.page(
            request,
            "message.html",
            story=found,
            message=found.message,
            waits=found.message.state not in FINAL_STATES,
            content=content,
            cancellable=cancellable,
            replayable=found.message.state in REPLAYABLE,
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def waits_for(request: web.Request) -> web.Response:
        """What a message waits for, apart from its page: it looks at the backlog, which may take a moment."""
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            found = await why.obstacles_of(connection, message_id)
        if found is None:
            raise web.HTTPNotFound(text=f"There is no message {message_id}.")
        template = "why.html" if request.headers.get("HX-Request") else "why_page.html"
        return deps.renderer.page(request, template, why=found)

    async def show_content(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            content = await reveal.message(connection, message_id, actor=identity(request).actor)
        if request.headers.get("HX-Request"):
            return deps.renderer.page(request, "message_content.html", content=content, message_id=message_id)
        return await page(request, content)

    return [
        web.get(PATH, show),
        web.get(PATH + "/why", waits_for),
        web.post(PATH + "/reveal", show_content),
    ]


def _mending(deps: ConsoleDeps) -> list[web.RouteDef]:
    async def call_back(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        form: Mapping[str, Any] = await request.post()
        because = inputs.needed(form, "because", "Say why, for whoever looks for this message.")
        async with deps.pool.acquire() as connection:
            done = await cancel.cancel(connection, [message_id], actor=identity(request).actor, because=because)
        for reason in done.refused.values():
            raise web.HTTPConflict(text=f"It cannot be called back: {reason}.")
        return see(f"/messages/{message_id}", "cancelled")

    async def settle(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        form: Mapping[str, Any] = await request.post()
        because = inputs.needed(form, "because", "Say what you found out, and where.")
        how = one_of(As, inputs.word(form, "as"), "Say what became of it: accepted, failed or resend.")
        async with deps.pool.acquire() as connection:
            await resolve.resolve(
                connection,
                message_id,
                how,
                actor=identity(request).actor,
                because=because,
                new_ttl=inputs.optional_span(form, "new_ttl", "The new time to live"),
            )
        return see("/stuck" if inputs.word(form, "back") == "stuck" else f"/messages/{message_id}", "resolved")

    return [web.post(PATH + "/cancel", call_back), web.post(PATH + "/resolve", settle)]


def one_of(kind: type[As], text: str, sentence: str) -> As:
    """Return the member that a word names."""
    try:
        return kind(text)
    except ValueError:
        raise inputs.BadInput(sentence) from None
