"""Health: what runs, how receipts come in, and every line of the doctor with its mend."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from gateway.console.parts import Parts
from gateway.operations.snapshot import SILENT

PATIENCE = 30.0
"""Seconds that an examination may take: it asks the provider too."""


def routes(parts: Parts) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""
    one = asyncio.Lock()

    async def show(request: web.Request) -> web.Response:
        look = await parts.watch.latest()
        checks = await parts.readiness()
        return parts.renderer.page(
            request, "health.html", now=look.now, checks=checks, silent=SILENT, doctor=parts.doctor is not None
        )

    async def examine(request: web.Request) -> web.Response:
        if parts.doctor is None:
            raise web.HTTPNotFound(text="This process cannot examine; run: smsgw doctor")
        # One at a time, however many ask: it costs the provider a few calls.
        async with one, asyncio.timeout(PATIENCE):
            lines = await parts.doctor()
        template = "health_lines.html" if request.headers.get("HX-Request") else "health_examined.html"
        return parts.renderer.page(request, template, lines=lines)

    return [web.get("/health", show), web.get("/health/examination", examine)]
