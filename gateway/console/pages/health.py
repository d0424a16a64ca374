"""Health: what runs, how receipts come in, and every line of the doctor with its mend."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.parts import Parts
from gateway.operations.status import SILENT
from gateway.store.overview import RECEIPTS


def routes(parts: Parts) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        look = await parts.watch.latest()
        checks = await parts.readiness()
        return parts.renderer.page(
            request,
            "health.html",
            now=look.now,
            checks=checks,
            silent=SILENT,
            most=RECEIPTS,
            doctor=parts.doctor is not None,
        )

    async def examine(request: web.Request) -> web.Response:
        lines = await parts.examine()
        template = "health_lines.html" if request.headers.get("HX-Request") else "health_examined.html"
        return parts.renderer.page(request, template, lines=lines)

    return [web.get("/health", show), web.get("/health/examination", examine)]
