"""The application of the ops listener, put together from its parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from gateway.console import probes, sse
from gateway.console.api import openapi
from gateway.console.auth import Access, AuthSettings
from gateway.console.dependencies import ConsoleDeps, Doctor, Readiness
from gateway.console.middleware import guard
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
from gateway.console.rendering import HERE, Renderer
from gateway.console.replays import Replays
from gateway.console.status_cache import StatusCache
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

MODULES = (
    probes, sse, session, overview, messages, message, stuck, replay, lanes, suppression, replies, log, health, openapi
)  # fmt: skip
"""Who has routes."""

MOST_BODY = 64 * 1024
"""Bytes of a form or of a call's JSON."""


def build_ops_app(
    pool: Pool,
    metrics: Metrics,
    readiness: Readiness,
    access: AuthSettings,
    *,
    max_recipients: int = 500,
    doctor: Doctor | None = None,
) -> web.Application:
    """Return the application of the ops listener; access without a token is for loopback only."""
    renderer = Renderer()
    watch, replays = StatusCache(pool, max_recipients=max_recipients), Replays(pool)
    deps = ConsoleDeps(pool, metrics, readiness, Access(access), renderer, watch, replays, doctor)
    app = web.Application(middlewares=[guard(deps.access, renderer)], client_max_size=MOST_BODY)
    for module in MODULES:
        app.router.add_routes(module.routes(deps))
    app.router.add_static("/static", HERE / "static")
    app.cleanup_ctx.append(_watching(deps.watch))
    app.on_shutdown.append(_close(deps.watch))
    app.on_cleanup.append(_stop(replays))
    return app


def _watching(watch: StatusCache) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(watch.run(), name="console watch")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


def _close(watch: StatusCache) -> Callable[[web.Application], Awaitable[None]]:
    """Let every open stream end: else the listener would wait for them."""

    async def close(_: web.Application) -> None:
        watch.close()

    return close


def _stop(replays: Replays) -> Callable[[web.Application], Awaitable[None]]:
    async def stop(_: web.Application) -> None:
        await replays.close()

    return stop
