"""The application of the ops listener, built from its modules."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from gateway.console import probes, sse
from gateway.console.api import openapi
from gateway.console.auth import Authenticator, AuthSettings
from gateway.console.dependencies import ConsoleDeps, Doctor, Readiness
from gateway.console.middleware import build_middleware
from gateway.console.pages import (
    health,
    lanes,
    log,
    message,
    messages,
    overview,
    replay,
    replies,
    session,
    stuck,
    suppression,
)
from gateway.console.rendering import DIRECTORY, Renderer
from gateway.console.replays import BackgroundReplays
from gateway.console.status_cache import StatusCache
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

MODULES = (
    probes, sse, session, overview, messages, message, stuck, replay, lanes, suppression, replies, log, health, openapi
)  # fmt: skip
"""The modules that have routes."""

MAX_BODY_BYTES = 64 * 1024


def build_ops_app(
    pool: Pool,
    metrics: Metrics,
    readiness: Readiness,
    access: AuthSettings,
    *,
    max_recipients: int = 500,
    doctor: Doctor | None = None,
) -> web.Application:
    """Return the application of the ops listener. Without a token it may only listen on loopback."""
    deps = ConsoleDeps(
        pool=pool,
        metrics=metrics,
        readiness=readiness,
        authenticator=Authenticator(access),
        renderer=Renderer(),
        status_cache=StatusCache(pool, max_recipients=max_recipients),
        replays=BackgroundReplays(pool),
        doctor=doctor,
    )
    app = web.Application(
        middlewares=[build_middleware(deps.authenticator, deps.renderer)], client_max_size=MAX_BODY_BYTES
    )
    for module in MODULES:
        app.router.add_routes(module.routes(deps))
    app.router.add_static("/static", DIRECTORY / "static")
    app.cleanup_ctx.append(_refresh_status(deps.status_cache))
    app.on_shutdown.append(_end_streams(deps.status_cache))
    app.on_cleanup.append(_stop_replays(deps.replays))
    return app


def _refresh_status(status_cache: StatusCache) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(status_cache.run(), name="console status cache")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


def _end_streams(status_cache: StatusCache) -> Callable[[web.Application], Awaitable[None]]:
    """End every open stream. Otherwise the listener waits for them when it shuts down."""

    async def end(_: web.Application) -> None:
        status_cache.close()

    return end


def _stop_replays(replays: BackgroundReplays) -> Callable[[web.Application], Awaitable[None]]:
    async def stop(_: web.Application) -> None:
        await replays.close()

    return stop
