"""Calls that the real provider does not have: the ledger, the settings, and phones that reply.

Under `/admin`, without a key.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from aiohttp import web

from gateway.simulator.config import ConfigError
from gateway.simulator.errors import Refusal
from gateway.simulator.plan import Plan, read_plan
from gateway.simulator.routes import ACCOUNT
from gateway.simulator.rules import FaultError


async def ledger(request: web.Request) -> web.Response:
    """Return each (external id, number) with its text and how often it was sent, and the texts that were dropped."""
    found = request.app[ACCOUNT].ledger
    return web.json_response(
        {
            "entries": [dataclasses.asdict(entry) | {"count": count} for entry, count in found.entries()],
            "dropped": [dataclasses.asdict(entry) for entry in found.dropped],
        }
    )


async def stats(request: web.Request) -> web.Response:
    """Return the counts."""
    return web.json_response(request.app[ACCOUNT].stats())


async def get_config(request: web.Request) -> web.Response:
    """Return every setting."""
    return web.json_response(request.app[ACCOUNT].config.as_dict())


async def change_config(request: web.Request) -> web.Response:
    """Change settings while it runs."""
    account = request.app[ACCOUNT]
    try:
        account.configure(account.config.changed(await request.json()))
    except (ConfigError, ValueError, AttributeError) as error:
        raise Refusal(400, str(error)) from None
    return web.json_response(account.config.as_dict())


async def get_faults(request: web.Request) -> web.Response:
    """Return the fault plan and how often each fault occurred; with `?log=1` each occurrence."""
    faults = request.app[ACCOUNT].faults
    found: dict[str, Any] = {"plan": faults.plan.as_dict(), "struck": faults.counts()}
    if request.query.get("log"):
        found["log"] = list(faults.log())
    return web.json_response(found)


async def put_faults(request: web.Request) -> web.Response:
    """Replace the plan and restart its times."""
    request.app[ACCOUNT].faults.follow(_refusing(read_plan, await _json(request)))
    return await get_faults(request)


async def post_faults(request: web.Request) -> web.Response:
    """Add a rule or a list of rules; times continue."""
    faults = request.app[ACCOUNT].faults
    faults.amend(_refusing(faults.plan.added, await _json(request)))
    return await get_faults(request)


async def patch_faults(request: web.Request) -> web.Response:
    """Change rules by their names, for instance `{"no credit": {"enabled": true}}`; times continue."""
    faults = request.app[ACCOUNT].faults
    faults.amend(_refusing(faults.plan.changed, await _json(request)))
    return await get_faults(request)


async def delete_faults(request: web.Request) -> web.Response:
    """Delete all faults. Delayed webhooks stay delayed."""
    request.app[ACCOUNT].faults.follow(Plan(request.app[ACCOUNT].faults.plan.seed))
    return await get_faults(request)


async def release(request: web.Request) -> web.Response:
    """Deliver every webhook that a fault delays."""
    return web.json_response({"released": request.app[ACCOUNT].post.release()})


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise Refusal(400, "malformed JSON") from None


def _refusing(read: Callable[[Any], Plan], written: Any) -> Plan:
    try:
        return read(written)
    except FaultError as error:
        raise Refusal(400, str(error)) from None


async def reply(request: web.Request) -> web.Response:
    """Make a phone reply: `number`, `text`, and optionally `sender`."""
    body = await request.json()
    request.app[ACCOUNT].network.reply(str(body["number"]), str(body["text"]), body.get("sender"))
    return web.json_response({"ok": True})


async def opt_in(request: web.Request) -> web.Response:
    """Make a phone opt in: `number`, and optionally `type`."""
    body = await request.json()
    request.app[ACCOUNT].network.opt_in(str(body["number"]), str(body.get("type", "rcs")))
    return web.json_response({"ok": True})


async def fire(request: web.Request) -> web.Response:
    """Deliver a webhook with any payload: `event`, `payload`."""
    body = await request.json()
    request.app[ACCOUNT].webhooks.fire(str(body["event"]), body["payload"])
    return web.json_response({"ok": True})


async def reset(request: web.Request) -> web.Response:
    """Clear the ledger and everything in progress."""
    account = request.app[ACCOUNT]
    account.ledger.clear()
    account.agenda.clear()
    account.post.clear()
    account.network.outbound.clear()
    return web.json_response({"ok": True})


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the admin routes."""
    router.add_get("/admin/ledger", ledger)
    router.add_get("/admin/stats", stats)
    router.add_get("/admin/config", get_config)
    router.add_patch("/admin/config", change_config)
    router.add_get("/admin/faults", get_faults)
    router.add_put("/admin/faults", put_faults)
    router.add_post("/admin/faults", post_faults)
    router.add_patch("/admin/faults", patch_faults)
    router.add_delete("/admin/faults", delete_faults)
    router.add_post("/admin/webhooks/release", release)
    router.add_post("/admin/reply", reply)
    router.add_post("/admin/opt-in", opt_in)
    router.add_post("/admin/fire", fire)
    router.add_post("/admin/reset", reset)
