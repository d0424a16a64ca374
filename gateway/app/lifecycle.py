"""Runs long-lived parts concurrently and stops them in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import structlog
from aiohttp import web

from gateway.tasks import end_task

MAX_CONNECTIONS = 1000
"""Open connections of one listener."""

IDLE_TIMEOUT = 75.0
"""Seconds in which a connection must send a request, its first one too."""

LINGER = 2.0
"""Seconds in which the rest of a refused body is read and dropped, so that the client receives the refusal."""

MAX_HEADER = 4096
"""Bytes of a header or of the request line; there may be 128 of them."""

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


@asynccontextmanager
async def background(name: str, run: Callable[[], Awaitable[None]], on_end: Callable[[], None]) -> AsyncIterator[None]:
    """Keep `run` going for the length of the context, then cancel it.

    A part that ends by itself has failed: it is logged, and `on_end` stops the process, so that it is restarted instead
    of running as half a gateway.
    """

    async def guarded() -> None:
        try:
            await run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("component_failed", part=name)
        on_end()

    task = asyncio.create_task(guarded(), name=name)
    try:
        yield
    finally:
        await end_task(task)


@asynccontextmanager
async def listening(name: str, app: web.Application | Handler, address: tuple[str, int]) -> AsyncIterator[int]:
    """Serve an application for the length of the context; gives the port, which matters where 0 was asked for.

    A bare handler is served without an application's routing, for a service with one kind of call that comes often.
    Raises `OSError` when the address cannot be had.
    """
    bounds: dict[str, Any] = {
        "access_log": None,
        "keepalive_timeout": IDLE_TIMEOUT,
        "lingering_time": LINGER,
        "max_line_size": MAX_HEADER,
        "max_field_size": MAX_HEADER,
    }
    runner: web.BaseRunner
    if isinstance(app, web.Application):
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=5.0, **bounds)
    else:
        runner = web.ServerRunner(web.Server(app, **bounds), handle_signals=False, shutdown_timeout=5.0)
    await runner.setup()
    try:
        assert runner.server is not None  # made by setup()  # noqa: S101
        server = await asyncio.get_running_loop().create_server(
            bounded(runner.server, MAX_CONNECTIONS), address[0], address[1], backlog=1024
        )
        port = int(server.sockets[0].getsockname()[1])
        log.info("listening", service=name, host=address[0], port=port)
        try:
            yield port
        finally:
            server.close()
    finally:
        await runner.cleanup()


def bounded(server: web.Server, max_connections: int) -> Callable[[], asyncio.Protocol]:
    """Return a protocol factory that accepts up to `max_connections` and answers any more with 503 at once.

    Each open connection costs memory even when it is idle; without a bound, clients could use up all of it.
    """
    return lambda: server() if len(server.connections) < max_connections else _Full()


class _Full(asyncio.Protocol):
    """Answers 503 and closes the connection, without reading."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked by isinstance: uvloop's transports are no subclasses of asyncio's.
        out = cast("asyncio.WriteTransport", transport)
        out.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        out.close()


def on_hangup(reload: Callable[[], None]) -> None:
    """Have SIGHUP call `reload`, as for any daemon, where the system knows that signal."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT call `stop`; a second one of them ends the process at once."""
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        for again in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(again)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first, number)
