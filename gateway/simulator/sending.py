"""`POST /send`: the one route that matters, step by step."""

import asyncio
import json
import re
import time
from uuid import uuid4

from aiohttp import web

from gateway.simulator.errors import RATE_HEADERS, Refusal
from gateway.simulator.identity import Known
from gateway.simulator.ledger import Sent
from gateway.simulator.network import Outbound
from gateway.simulator.order import Order, read_order
from gateway.simulator.state import Account

_STRICT_ID = re.compile(r"[A-Za-z0-9]{1,64}")


async def send(request: web.Request, account: Account) -> web.StreamResponse:
    """Answer one send. The order of the steps is the contract: limit, id, fault, content, texts, answer."""
    config = account.config
    await _pause(account, config.arrival_delay)
    now = time.monotonic()
    account.arrivals.count(now, config.send_window)
    count = account.send_window.count(
        now,
        limit=config.send_limit,
        length=config.send_window,
        kind=config.send_window_kind,
        rejected_counts=config.rejected_counts,
    )
    if config.rate_headers:
        request[RATE_HEADERS] = count.headers()
    if not count.allowed:
        account.arrivals.refused += 1
        raise Refusal(429, "Too many requests")

    request_id = request.headers.get("X-Request-Id", "")
    _check_id(request_id, account, now)
    fault = account.faults.strike(config.faults)
    account.ids.start(request_id, now, config.id_memory) if request_id else None
    left = False
    try:
        _strike_before(fault, request)
        order = read_order(_json(await request.read()), config, account.book)
        answer = _deliver(order, request_id, account)
        left = True
        await _pause(account, config.answer_delay)
        return _strike_after(fault, request, answer)
    finally:
        _settle_id(request_id, account, left=left)


def _check_id(request_id: str, account: Account, now: float) -> None:
    if not request_id:
        return
    if account.config.id_strict and not _STRICT_ID.fullmatch(request_id):
        raise Refusal(400, "X-Request-Id must be alphanumeric")
    if account.ids.look_up(request_id, now) is not None:
        raise Refusal(409, "Duplicate request")


def _settle_id(request_id: str, account: Account, *, left: bool) -> None:
    """Remember or free the id. Whatever cuts the handling short, an id whose texts left is used up."""
    if not request_id:
        return
    consumed = left or account.config.id_consumed_by == "every_attempt"
    if consumed:
        account.ids.consume(request_id, time.monotonic(), account.config.id_memory)
    elif account.ids.look_up(request_id, time.monotonic()) is Known.RUNNING:
        account.ids.forget(request_id)


def _strike_before(fault: str | None, request: web.Request) -> None:
    match fault:
        case "500_before":
            raise Refusal(500, "Internal server error")
        case "drop_before":
            _drop(request)
        case "429":
            raise Refusal(429, "Too many requests")
        case "401":
            raise Refusal(401, "Invalid API key")
        case "402":
            raise Refusal(402, "Insufficient credits")
        case "403":
            raise Refusal(403, "Message filtered")
        case "403_account":
            raise Refusal(403, "Unverified accounts cannot send", reason="unverified")


def _strike_after(fault: str | None, request: web.Request, answer: web.Response) -> web.StreamResponse:
    match fault:
        case "500_after":
            raise Refusal(500, "Internal server error")
        case "drop_after":
            _drop(request)
        case "html_502":
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        case "truncated_after":
            return web.Response(body=bytes(answer.body or b"")[:20], content_type="application/json")  # type: ignore[arg-type]
        case "success_false_after":
            return web.json_response({"success": False, "message": "not sent"})
    return answer


def _drop(request: web.Request) -> None:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "malformed JSON") from None


def _deliver(order: Order, request_id: str, account: Account) -> web.Response:
    """Let the texts leave: from here on they are sent, whatever becomes of the answer."""
    message_id = str(uuid4())
    if order.scheduled is not None and order.scheduled > time.time():
        scheduled_id = account.network.next_id()
        account.scheduled[scheduled_id] = {"id": scheduled_id, "scheduledDate": order.scheduled}

        def leave() -> None:
            if account.scheduled.pop(scheduled_id, None) is not None:
                _leave(order, request_id, message_id, account)

        account.agenda.at(time.monotonic() + order.scheduled - time.time(), leave)
        return web.json_response({"message": "Message Scheduled.", "data": {"id": scheduled_id}})
    outbound = _leave(order, request_id, message_id, account)
    if account.config.outbound_ids == "one":
        outbound = outbound[:1]
    return web.json_response(
        {
            "message": f"Message Sent to {len(order.texts)} Recipient{'' if len(order.texts) == 1 else 's'}.",
            "data": {
                "messageId": message_id,
                "totalSent": len(order.texts),
                "totalFailedInternationalRecipients": order.international,
                "outboundIds": outbound,
            },
        }
    )


def _leave(order: Order, request_id: str, message_id: str, account: Account) -> list[int]:
    ids = []
    for text in order.texts:
        now = time.time()
        account.ledger.add(Sent(order.external_id, text.number, text.text, request_id, order.sender, now))
        outbound = Outbound(
            message_id=message_id,
            outbound_id=account.network.next_id(),
            external_id=order.external_id,
            number=text.number,
            text=text.text,
            tags=order.tags,
            sender=order.sender,
            sender_number=account.network.sender_number(order.sender),
            accepted_at=now,
            changed_at=now,
        )
        ids.append(outbound.outbound_id)
        account.network.carry(outbound)
    return ids


async def _pause(account: Account, bounds: tuple[float, float]) -> None:
    wait = account.faults.between(bounds)
    if wait > 0:
        await asyncio.sleep(wait)
