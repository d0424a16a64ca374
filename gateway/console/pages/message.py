"""One message: its timeline, what it waits for, its content, and what an operator can do about it."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.console import inputs
from gateway.console.context import identity
from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import is_htmx, redirect
from gateway.domain.states import FINAL_STATES
from gateway.operations import cancel, resolve, reveal, timeline, why
from gateway.operations.replay import REPLAYABLE
from gateway.operations.resolve import Resolution
from gateway.operations.reveal import Content

MESSAGE_PATH = "/messages/{id:[0-9]{1,19}}"


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""
    return [*_read_routes(deps), *_change_routes(deps)]


def _read_routes(deps: ConsoleDeps) -> list[web.RouteDef]:
    async def page(request: web.Request, content: Content | None = None) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            found = await timeline.read_timeline(connection, message_id)
            if found is None:
                raise web.HTTPNotFound(text=f"There is no message {message_id}.")
            cancellable = await cancel.is_cancellable(connection, message_id)
        return deps.renderer.page(
            request,
            "message.html",
            timeline=found,
            message=found.message,
            is_waiting=found.message.state not in FINAL_STATES,
            content=content,
            cancellable=cancellable,
            replayable=found.message.state in REPLAYABLE,
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request)

    async def show_why(request: web.Request) -> web.Response:
        """Loaded after the page, because reading the backlog may take a moment."""
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            found = await why.diagnose(connection, message_id)
        if found is None:
            raise web.HTTPNotFound(text=f"There is no message {message_id}.")
        return deps.renderer.page_or_fragment(request, "why.html", "fragments/why.html", why=found)

    async def reveal_content(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        async with deps.pool.acquire() as connection:
            content = await reveal.message(connection, message_id, actor=identity(request).actor)
        if is_htmx(request):
            return deps.renderer.page(request, "fragments/message_content.html", content=content)
        return await page(request, content)

    return [
        web.get(MESSAGE_PATH, show),
        web.get(MESSAGE_PATH + "/why", show_why),
        web.post(MESSAGE_PATH + "/reveal", reveal_content),
    ]


def _change_routes(deps: ConsoleDeps) -> list[web.RouteDef]:
    async def cancel_message(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        form: Mapping[str, Any] = await request.post()
        because = inputs.required_field(form, "because", "A reason is required.")
        async with deps.pool.acquire() as connection:
            done = await cancel.cancel(connection, [message_id], actor=identity(request).actor, because=because)
        for reason in done.refused.values():
            raise web.HTTPConflict(text=f"The message cannot be cancelled: {reason}.")
        return redirect(f"/messages/{message_id}", "cancelled")

    async def resolve_message(request: web.Request) -> web.Response:
        message_id = inputs.identifier(request.match_info["id"])
        form: Mapping[str, Any] = await request.post()
        because = inputs.required_field(form, "because", "Write down what you found out, and where.")
        async with deps.pool.acquire() as connection:
            await resolve.resolve(
                connection,
                message_id,
                inputs.member(Resolution, inputs.text_field(form, "as"), "Choose a result"),
                actor=identity(request).actor,
                because=because,
                new_ttl=inputs.optional_duration(form, "new_ttl", "The new time to live"),
            )
        came_from_stuck = inputs.text_field(form, "back") == "stuck"
        return redirect("/stuck" if came_from_stuck else f"/messages/{message_id}", "resolved")

    return [web.post(MESSAGE_PATH + "/cancel", cancel_message), web.post(MESSAGE_PATH + "/resolve", resolve_message)]
