"""The live overview as server-sent events: each snapshot is rendered once for all browsers."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.console.middleware import add_security_headers
from gateway.console.pages import overview
from gateway.console.status_cache import StatusSnapshot, TooManySubscribers

MAX_STREAM_SECONDS = 900.0
"""After this the browser reconnects, and its session is checked again."""

RECONNECT_MILLISECONDS = 3000


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""
    rendered: tuple[float, str] = (-1.0, "")

    def render(snapshot: StatusSnapshot) -> str:
        nonlocal rendered
        if rendered[0] != snapshot.taken_at:
            html = deps.renderer.render("fragments/overview.html", **overview.template_values(snapshot))
            rendered = snapshot.taken_at, html
        return rendered[1]

    async def live(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        add_security_headers(request, response)
        await response.prepare(request)
        await response.write(f"retry: {RECONNECT_MILLISECONDS}\n\n".encode())
        try:
            async with asyncio.timeout(MAX_STREAM_SECONDS):
                async for snapshot in deps.status_cache.subscribe():
                    await response.write(event("overview", render(snapshot)))
            await response.write(event("end", ""))
        except TooManySubscribers:
            await response.write(event("end", ""))
        except (TimeoutError, ConnectionError):
            pass
        return response

    return [web.get("/live", live)]


def event(name: str, text: str) -> bytes:
    """Return one event with one `data:` line for each line of the text."""
    return (f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.splitlines() or [""]) + "\n").encode()
