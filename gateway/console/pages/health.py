"""Health: what runs, how receipts come in, and every line of the doctor with its mend."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.operations.status import SILENT
from gateway.store.overview import RECEIPTS


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        look = await deps.watch.latest()
        checks = await deps.readiness()
        return deps.renderer.page(
            request,
            "health.html",
            now=look.now,
            checks=checks,
            silent=SILENT,
            most=RECEIPTS,
            doctor=deps.doctor is not None,
        )

    async def examine(request: web.Request) -> web.Response:
        lines = await deps.examine()
        template = "health_lines.html" if request.headers.get("HX-Request") else "health_examined.html"
        return deps.renderer.page(request, template, lines=lines)

    return [web.get("/health", show), web.get("/health/examination", examine)]
