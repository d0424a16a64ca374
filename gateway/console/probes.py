"""Liveness, readiness and metrics. They need no token."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.console.rendering import json_response


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def alive(_: web.Request) -> web.Response:
        return json_response({"alive": True})

    async def ready(_: web.Request) -> web.Response:
        checks = dict(await deps.readiness())
        return json_response(checks, status=200 if all(checks.values()) else 503)

    async def metrics(request: web.Request) -> web.Response:
        content, content_type = deps.metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=content, headers={"Content-Type": content_type})

    return [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", metrics)]
