"""Runs long-lived parts side by side, and stops them in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)


@asynccontextmanager
async def background(name: str, run: Callable[[], Awaitable[None]], on_end: Callable[[], None]) -> AsyncIterator[None]:
    """Keep `run` going for the length of the context, then cancel it.

    A part that ends by itself has broken: it is logged, and `on_end` brings the process down, so that whoever runs it
    starts it anew instead of keeping half a gateway.
    """

    async def guarded() -> None:
        try:
            await run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("part_broke", part=name)
        on_end()

    task = asyncio.create_task(guarded(), name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def listening(name: str, app: web.Application, address: tuple[str, int]) -> AsyncIterator[int]:
    """Serve an application for the length of the context; gives the port, which matters where 0 was asked for.

    Raises `OSError` when the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address[0], address[1], backlog=1024)
        await site.start()
        port = int(runner.addresses[0][1])
        log.info("listening", service=name, host=address[0], port=port)
        yield port
    finally:
        await runner.cleanup()


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
