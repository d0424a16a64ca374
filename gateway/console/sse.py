"""Live pages: server-sent events that carry the piece of a page which changed, rendered once for all who watch."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.console.middleware import add_security_headers
from gateway.console.pages import overview
from gateway.console.status_cache import StatusSnapshot, TooManyWatchers

LONGEST = 900.0
"""Seconds of one stream; the browser comes again by itself, and is asked anew who it is."""

RETRY = 3000
"""Milliseconds after which a browser comes again."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""
    rendered: tuple[float, str] = (-1.0, "")

    def piece(look: StatusSnapshot) -> str:
        nonlocal rendered
        if rendered[0] != look.at:
            rendered = look.at, deps.renderer.text("overview_live.html", **overview.values(look))
        return rendered[1]

    async def live(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        add_security_headers(request, response)
        await response.prepare(request)
        await response.write(f"retry: {RETRY}\n\n".encode())
        try:
            async with asyncio.timeout(LONGEST):
                async for look in deps.watch.each():
                    await response.write(event("overview", piece(look)))
            await response.write(event("end", ""))
        except TooManyWatchers:
            await response.write(event("end", ""))
        except (TimeoutError, ConnectionError):
            pass
        return response

    return [web.get("/live", live)]


def event(name: str, text: str) -> bytes:
    """Return one event: each line of the text is one of its data."""
    return (f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.splitlines() or [""]) + "\n").encode()
