"""Health: the processes, the receipts, and every check of the doctor with its remedy."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.operations.status import RECEIPTS_COUNTED, SILENT


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        snapshot = await deps.status_cache.snapshot()
        return deps.renderer.page(
            request,
            "health.html",
            report=snapshot.report,
            readiness=await deps.readiness(),
            silent_after=SILENT,
            receipts_counted=RECEIPTS_COUNTED,
            has_doctor=deps.doctor is not None,
        )

    async def doctor(request: web.Request) -> web.Response:
        checks = await deps.run_doctor()
        return deps.renderer.page_or_fragment(request, "doctor.html", "fragments/doctor_checks.html", checks=checks)

    return [web.get("/health", show), web.get("/health/doctor", doctor)]
