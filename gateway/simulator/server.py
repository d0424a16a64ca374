"""The server: key, limits and headers of every route, and its background tasks."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from gateway.simulator import admin, routes
from gateway.simulator.config import ConfigError, SimulatorConfig
from gateway.simulator.errors import RATE_HEADERS, Refusal
from gateway.simulator.fault_responses import instead
from gateway.simulator.limiter import Window
from gateway.simulator.plan import Plan
from gateway.simulator.routes import ACCOUNT
from gateway.simulator.rules import Stage
from gateway.simulator.sending import send
from gateway.simulator.state import Account, open_account
from gateway.simulator.webhooks import EVENTS, Registration

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Instead(Exception):
    """The answer of a fault replaces the answer of the route."""

    def __init__(self, answer: web.StreamResponse) -> None:
        super().__init__()
        self.answer = answer


@web.middleware
async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check the key and the general limit, turn refusals into documented bodies, and add the headers."""
    try:
        if request.path.startswith("/v3/"):
            _check_key(request)
            if request.path != "/v3/send":
                _count_other(request)
                await _disturb(request)
        response = await handler(request)
    except Refusal as refusal:
        response = refusal.response()
    except Instead as other:
        response = other.answer
    except web.HTTPNotFound:
        response = Refusal(404, "no such address").response()
    except web.HTTPMethodNotAllowed:
        response = Refusal(404, "no such address").response()
    if not response.prepared:
        response.headers["X-Request-ID"] = str(uuid4())
        response.headers.update(request.get(RATE_HEADERS, {}))
    return response


def _check_key(request: web.Request) -> None:
    if request.headers.get("Authorization") != f"Bearer {request.app[ACCOUNT].config.api_key}":
        raise Refusal(401, "Invalid API key")


def _count_other(request: web.Request) -> None:
    account = request.app[ACCOUNT]
    window = account.other_windows.setdefault(request.remote or "", Window())
    config = account.config
    count = window.count(
        time.monotonic(),
        limit=config.other_limit,
        length=config.other_window,
        kind=config.send_window_kind,
        rejected_counts=config.rejected_counts,
    )
    if config.rate_headers:
        request[RATE_HEADERS] = count.headers()
    if not count.allowed:
        raise Refusal(429, "Too many requests")


async def _disturb(request: web.Request) -> None:
    """Apply the faults for calls other than sends; their answer replaces the route's."""
    visit = request.app[ACCOUNT].faults.visit("other", f"{request.method} {request.path_qs}")
    await asyncio.sleep(visit.pause("slow_before"))
    rule = visit.first(Stage.REFUSE, ahead_of_ids=True) or visit.first(Stage.REFUSE)
    if rule is not None:
        raise Instead(instead(rule, request))


async def _send(request: web.Request) -> web.StreamResponse:
    return await send(request, request.app[ACCOUNT])


async def _background(app: web.Application) -> AsyncIterator[None]:
    account = app[ACCOUNT]
    tasks = [asyncio.create_task(account.agenda.run()), asyncio.create_task(account.webhooks.run())]
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    account.ledger.close()


def build_app(account: Account) -> web.Application:
    """Return the application of one simulated account."""
    app = web.Application(middlewares=[envelope], client_max_size=8 * 1024 * 1024)
    app[ACCOUNT] = account
    app.router.add_post("/v3/send", _send)
    routes.add_routes(app.router)
    admin.add_routes(app.router)
    app.cleanup_ctx.append(_background)
    return app


def register_all(account: Account, url: str, secret: str) -> None:
    """Register a webhook for every event, each at its own address below `url`.

    Raises `ConfigError` for a blank secret, because anyone could sign with it.
    """
    if not secret.strip():
        raise ConfigError("webhook secret: must not be empty or blank; give the one that the gateway has")
    for event in EVENTS:
        account.webhooks.register(
            Registration(0, event, f"{url.rstrip('/')}/{event}", secret, max_per_minute=1_000_000)
        )


async def serve(
    config: SimulatorConfig,
    *,
    host: str,
    port: int,
    ledger_file: Path | None = None,
    plan: Plan | None = None,
    webhook_url: str | None = None,
    webhook_secret: str = "",
) -> None:
    """Serve until SIGTERM or SIGINT. Prints the address once it listens."""
    account = open_account(config, ledger_file, plan)
    if webhook_url is not None:
        register_all(account, webhook_url, webhook_secret)
    runner = web.AppRunner(build_app(account), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        sys.stdout.write(f"simulator ready at http://{host}:{runner.addresses[0][1]}/v3\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
