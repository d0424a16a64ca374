"""What the real provider does not have: the ledger, the knobs, and phones that answer.

Under `/admin`, without a key.
"""

import dataclasses

from aiohttp import web

from gateway.simulator.config import ConfigError
from gateway.simulator.errors import Refusal
from gateway.simulator.routes import ACCOUNT


async def ledger(request: web.Request) -> web.Response:
    """Return every (external id, number) with its text and how often it was sent."""
    entries = request.app[ACCOUNT].ledger.entries()
    return web.json_response({"entries": [dataclasses.asdict(entry) | {"count": count} for entry, count in entries]})


async def stats(request: web.Request) -> web.Response:
    """Return the figures."""
    return web.json_response(request.app[ACCOUNT].stats())


async def get_config(request: web.Request) -> web.Response:
    """Return every knob."""
    return web.json_response(request.app[ACCOUNT].config.as_dict())


async def change_config(request: web.Request) -> web.Response:
    """Set knobs while running."""
    account = request.app[ACCOUNT]
    try:
        account.configure(account.config.changed(await request.json()))
    except (ConfigError, ValueError, AttributeError) as error:
        raise Refusal(400, str(error)) from None
    return web.json_response(account.config.as_dict())


async def reply(request: web.Request) -> web.Response:
    """Have a phone write back: `number`, `text`, and optionally `sender`."""
    body = await request.json()
    request.app[ACCOUNT].network.reply(str(body["number"]), str(body["text"]), body.get("sender"))
    return web.json_response({"ok": True})


async def opt_in(request: web.Request) -> web.Response:
    """Have a phone opt in: `number`, and optionally `type`."""
    body = await request.json()
    request.app[ACCOUNT].network.opt_in(str(body["number"]), str(body.get("type", "rcs")))
    return web.json_response({"ok": True})


async def fire(request: web.Request) -> web.Response:
    """Fire a webhook with any payload: `event`, `payload`."""
    body = await request.json()
    request.app[ACCOUNT].webhooks.fire(str(body["event"]), body["payload"])
    return web.json_response({"ok": True})


async def reset(request: web.Request) -> web.Response:
    """Forget the ledger and everything under way."""
    account = request.app[ACCOUNT]
    account.ledger.clear()
    account.agenda.clear()
    account.network.outbound.clear()
    return web.json_response({"ok": True})


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the admin routes."""
    router.add_get("/admin/ledger", ledger)
    router.add_get("/admin/stats", stats)
    router.add_get("/admin/config", get_config)
    router.add_patch("/admin/config", change_config)
    router.add_post("/admin/reply", reply)
    router.add_post("/admin/opt-in", opt_in)
    router.add_post("/admin/fire", fire)
    router.add_post("/admin/reset", reset)
