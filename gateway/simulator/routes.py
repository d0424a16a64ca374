"""The routes other than `/send`."""

import re
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.simulator.errors import Refusal
from gateway.simulator.network import WORDS, Outbound
from gateway.simulator.send_request import read_order
from gateway.simulator.state import Account
from gateway.simulator.webhooks import EVENTS, Registration

ACCOUNT = web.AppKey("account", Account)


def _page(request: web.Request, rows: list[dict[str, Any]], config_base: int = 0, max_size: int = 100) -> web.Response:
    try:
        number = int(request.query.get("page", config_base))
        size = min(max_size, max(1, int(request.query.get("pageSize", 25))))
    except ValueError:
        raise Refusal(400, "page and pageSize must be numbers") from None
    start = max(0, number - config_base) * size
    return web.json_response(
        {"data": {"rows": rows[start : start + size], "page": number, "pageSize": size, "total": len(rows)}}
    )


async def verify_key(request: web.Request) -> web.Response:
    """Return the account of the key."""
    config = request.app[ACCOUNT].config
    return web.json_response(
        {"message": "API Key verified", "data": {"name": config.account_name, "email": config.account_email}}
    )


async def dedicated_numbers(request: web.Request) -> web.Response:
    """List the account's sending numbers."""
    senders = request.app[ACCOUNT].config.senders
    rows = [
        {"id": int(sender), "number": number, "tollFreeVerificationStatus": "verified"}
        for sender, number in senders.items()
    ]
    return web.json_response({"data": rows})


async def validate_recipients(request: web.Request) -> web.Response:
    """Return valid and invalid numbers."""
    body = await _body(request)
    account = request.app[ACCOUNT]
    valid, invalid = [], []
    for row in body.get("recipients", []):
        number = str(row.get("number", ""))
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}|[2-9][0-9]{9}", number):
            invalid.append({**row, "error": "invalid number"})
        elif body.get("validateUnsubscribes") and number in account.book.unsubscribed:
            invalid.append({**row, "error": "unsubscribed"})
        else:
            valid.append(row)
    return web.json_response({"data": {"validRecipients": valid, "invalidRecipients": invalid}})


async def cost(request: web.Request) -> web.Response:
    """Return the cost of a send: one credit for an SMS, three for an MMS."""
    account = request.app[ACCOUNT]
    order = read_order(await _body(request), account.config, account.book)
    return web.json_response({"data": {"messageCredits": len(order.texts) * (3 if order.mms else 1)}})


async def deliveries(request: web.Request) -> web.Response:
    """List texts with their latest status, after the listing's lag; filters are whole days."""
    account = request.app[ACCOUNT]
    query = request.query
    visible = time.time() - account.config.listing_lag
    rows = [
        _row(outbound)
        for outbound in account.network.outbound
        if outbound.changed_at <= visible and outbound.status in WORDS and _matches(outbound, query)
    ]
    if query.get("sortDirection", "DESC").upper() == "DESC":
        rows.reverse()
    return _page(request, rows, account.config.page_base)


def _matches(outbound: Outbound, query: Any) -> bool:
    day = datetime.fromtimestamp(outbound.accepted_at, UTC).date().isoformat()
    return (
        query.get("filters[startDate]", "") <= day <= query.get("filters[endDate]", "9999")
        and query.get("query", "") in outbound.number
        and query.get("filters[status]", WORDS[outbound.status]).lower() == WORDS[outbound.status].lower()
    )


def _row(outbound: Outbound) -> dict[str, Any]:
    return {
        "id": outbound.outbound_id,
        "messageId": outbound.message_id,
        "externalId": outbound.external_id,
        "status": WORDS[outbound.status],
        "date": datetime.fromtimestamp(outbound.changed_at, UTC).isoformat(timespec="milliseconds"),
        "carrier": "Simulated",
        "to": outbound.number,
        "message": outbound.text,
    }


async def sent_messages(request: web.Request) -> web.Response:
    """List outbound records, or one of them."""
    account = request.app[ACCOUNT]
    records = [
        {"id": o.outbound_id, "recipients": [o.number], "message": o.text, "url": None}
        for o in account.network.outbound
    ]
    if "outbound_id" not in request.match_info:
        return _page(request, records)
    wanted = request.match_info["outbound_id"]
    for record in records:
        if str(record["id"]) == wanted:
            return web.json_response({"data": record})
    raise Refusal(404, "no such message")


async def list_webhooks(request: web.Request) -> web.Response:
    """List registrations without their secrets."""
    rows = [
        {key: value for key, value in one.public().items() if key in ("id", "event", "url", "alertEmail", "createdAt")}
        for one in request.app[ACCOUNT].webhooks.registrations.values()
    ]
    return _page(request, rows)


async def create_webhook(request: web.Request) -> web.Response:
    """Create a registration."""
    body = await _body(request)
    if body.get("event") not in EVENTS:
        raise Refusal(400, "unknown event")
    if not isinstance(body.get("url"), str) or not re.match(r"https?://", body["url"]):
        raise Refusal(400, "url is required")
    if "secret" not in body:
        raise Refusal(400, "secret is required")
    _check_secret(body)
    made = request.app[ACCOUNT].webhooks.register(
        _filled(Registration(0, body["event"], body["url"], body["secret"]), body)
    )
    return web.json_response({"message": f"Webhook {made.id} created successfully.", "data": made.public()})


async def change_webhook(request: web.Request) -> web.Response:
    """Change a registration, including its secret."""
    body = await _body(request)
    _check_secret(body)
    changed = _filled(_webhook(request), body)
    return web.json_response({"message": f"Webhook {changed.id} updated successfully.", "data": changed.public()})


async def delete_webhook(request: web.Request) -> web.Response:
    """Delete a registration."""
    gone = _webhook(request)
    del request.app[ACCOUNT].webhooks.registrations[gone.id]
    return web.json_response({"message": f"Webhook {gone.id} deleted successfully."})


def _check_secret(body: dict[str, Any]) -> None:
    secret = body.get("secret", "unchanged")
    if not isinstance(secret, str) or not secret.strip():
        raise Refusal(400, "secret must be a text that is not blank")


def _webhook(request: web.Request) -> Registration:
    wanted = request.match_info["webhook_id"]
    found = request.app[ACCOUNT].webhooks.registrations.get(int(wanted) if wanted.isdigit() else -1)
    if found is None:
        raise Refusal(404, "no such webhook")
    return found


def _filled(registration: Registration, body: dict[str, Any]) -> Registration:
    registration.url = body.get("url", registration.url)
    registration.event = body.get("event", registration.event)
    registration.secret = body.get("secret", registration.secret)
    registration.alert_email = body.get("alertEmail", registration.alert_email)
    registration.send_alert_email = body.get("sendAlertEmail", registration.send_alert_email)
    registration.skip_errors = body.get("skipErrors", registration.skip_errors)
    registration.skip_error_codes = body.get("skipErrorCodes", registration.skip_error_codes)
    registration.retry_on_error = body.get("retryOnError", registration.retry_on_error)
    registration.max_per_minute = body.get("maxThroughputPerMinute", registration.max_per_minute)
    return registration


async def list_unsubscribes(request: web.Request) -> web.Response:
    """List opt-outs."""
    numbers = sorted(request.app[ACCOUNT].book.unsubscribed)
    rows = [
        {"id": index, "name": "", "number": number, "email": None, "date": None} for index, number in enumerate(numbers)
    ]
    return _page(request, rows)


async def add_unsubscribe(request: web.Request) -> web.Response:
    """Record one opt-out or many."""
    body = await _body(request)
    numbers = body.get("numbers", [body.get("number")])
    request.app[ACCOUNT].book.unsubscribed.update(str(number) for number in numbers if number)
    return web.json_response({"message": "Unsubscribed.", "data": {"count": len(numbers)}})


async def get_unsubscribe(request: web.Request) -> web.Response:
    """Return whether a number opted out."""
    number = request.match_info["number"]
    return web.json_response(
        {"data": {"number": number, "unsubscribed": number in request.app[ACCOUNT].book.unsubscribed}}
    )


async def scheduled(request: web.Request) -> web.Response:
    """List scheduled sends, or one of them."""
    waiting = request.app[ACCOUNT].scheduled
    if "scheduled_id" not in request.match_info:
        return _page(request, list(waiting.values()))
    return web.json_response({"data": _scheduled(request)})


async def delete_scheduled(request: web.Request) -> web.Response:
    """Cancel a scheduled send."""
    gone = _scheduled(request)
    del request.app[ACCOUNT].scheduled[gone["id"]]
    return web.json_response({"message": "Scheduled message deleted."})


def _scheduled(request: web.Request) -> dict[str, Any]:
    wanted = request.match_info["scheduled_id"]
    found = request.app[ACCOUNT].scheduled.get(int(wanted) if wanted.isdigit() else -1)
    if found is None:
        raise Refusal(404, "no such scheduled message")
    return found


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise Refusal(400, "malformed JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    return body


def add_routes(router: web.UrlDispatcher) -> None:
    """Add every route of the API but `/send`."""
    router.add_get("/v3/auth/verify-api-key", verify_key)
    router.add_get("/v3/dedicated-numbers", dedicated_numbers)
    router.add_post("/v3/send/validate-recipients", validate_recipients)
    router.add_post("/v3/send/cost", cost)
    router.add_get("/v3/deliveries", deliveries)
    router.add_get("/v3/sent-messages", sent_messages)
    router.add_get("/v3/sent-messages/{outbound_id}", sent_messages)
    router.add_get("/v3/webhooks", list_webhooks)
    router.add_post("/v3/webhooks", create_webhook)
    router.add_patch("/v3/webhooks/{webhook_id}", change_webhook)
    router.add_delete("/v3/webhooks/{webhook_id}", delete_webhook)
    router.add_get("/v3/unsubscribes", list_unsubscribes)
    router.add_post("/v3/unsubscribes", add_unsubscribe)
    router.add_post("/v3/unsubscribes/bulk", add_unsubscribe)
    router.add_get("/v3/unsubscribes/{number}", get_unsubscribe)
    router.add_get("/v3/scheduled", scheduled)
    router.add_get("/v3/scheduled/{scheduled_id}", scheduled)
    router.add_delete("/v3/scheduled/{scheduled_id}", delete_scheduled)
    router.add_post("/v3/scheduled/{scheduled_id}", delete_scheduled)
