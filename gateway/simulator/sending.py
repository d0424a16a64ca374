"""`POST /send`, step by step."""

import asyncio
import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

from aiohttp import web

from gateway.simulator.errors import RATE_HEADERS, Refusal
from gateway.simulator.fault_responses import afterwards, cut, instead, key_of
from gateway.simulator.faults import Visit
from gateway.simulator.idempotency import Known
from gateway.simulator.ledger import Dropped, Sent
from gateway.simulator.network import Outbound
from gateway.simulator.rules import Rule, Stage
from gateway.simulator.send_request import Order, read_order
from gateway.simulator.state import Account
from gateway.simulator.webhooks import Call

_STRICT_ID = re.compile(r"[A-Za-z0-9]{1,64}")


async def send(request: web.Request, account: Account) -> web.StreamResponse:
    """Answer one send. The order of the steps is fixed: limit, id, fault, content, texts, answer.

    What goes wrong on the way is `gateway.simulator.rules`; some of it comes before the id is looked up.
    """
    config = account.config
    await _pause(account, "arrival", config.arrival_delay)
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

    try:
        raw = await request.read()
    except ConnectionError:
        # The client closed the connection before the request was complete.
        raise cut(request) from None
    body = _json_or_none(raw)
    request_id = request.headers.get("X-Request-Id", "")
    visit = account.faults.visit("send", key_of(account.faults.plan.by, request_id, body, raw))
    ahead = visit.first(Stage.REFUSE, ahead_of_ids=True)
    if ahead is not None:
        if ahead.consumes and request_id:
            account.ids.consume(request_id, now, visit.memory(_memory(account)))
        return instead(ahead, request)
    _check_id(request_id, account, now)
    knob = account.faults.by_knob(config.faults, visit)
    handled = _Handled(request_id)
    account.ids.start(request_id) if request_id else None
    try:
        await asyncio.sleep(visit.pause("slow_before"))
        rule = visit.first(Stage.REFUSE)
        if rule is not None:
            handled.consumes = rule.consumes
            return instead(rule, request)
        _strike_before(knob, request)
        if body is None:
            raise Refusal(400, "malformed JSON")
        order = read_order(body, config, account.book)
        answer = await _deliver(order, request_id, account, visit)
        handled.left = True
        await _pause(account, "answer", config.answer_delay, visit)
        await asyncio.sleep(visit.pause("slow_after"))
        rule = visit.first(Stage.AFTER)
        handled.consumes = None if rule is None else rule.consumes
        return afterwards(knob if rule is None else rule.kind, request, answer)
    except Refusal as refusal:
        handled.status = refusal.status
        raise
    finally:
        _settle_id(handled, account, visit)


@dataclass(slots=True)
class _Handled:
    """The result for a request id."""

    request_id: str
    left: bool = False
    """Its texts were sent."""
    status: int | None = None
    consumes: bool | None = None
    """What the fault that occurred says about the id."""


def _memory(account: Account) -> float:
    planned = account.faults.plan.memory
    return account.config.id_memory if planned is None else planned


def _check_id(request_id: str, account: Account, now: float) -> None:
    if not request_id:
        return
    if account.config.id_strict and not _STRICT_ID.fullmatch(request_id):
        raise Refusal(400, "X-Request-Id must be alphanumeric")
    if account.ids.look_up(request_id, now) is not None:
        raise Refusal(409, "Duplicate request")


def _settle_id(handled: _Handled, account: Account, visit: Visit) -> None:
    """Remember or free the id. An id whose texts were sent is used up, even if the handling was interrupted.

    Only a fault that says so makes the provider forget what it sent. Then no client can prevent a duplicate.
    """
    if not handled.request_id:
        return
    consumed = handled.left or account.config.id_consumed_by == "every_attempt"
    consumed = consumed or handled.status in account.faults.plan.consumed_by
    if handled.consumes is not None:
        consumed = handled.consumes
    if consumed:
        memory = visit.memory(_memory(account))
        account.ids.consume(handled.request_id, time.monotonic(), memory)
    elif account.ids.look_up(handled.request_id, time.monotonic()) is Known.RUNNING:
        account.ids.forget(handled.request_id)


def _strike_before(fault: str | None, request: web.Request) -> None:
    match fault:
        case "500_before":
            raise Refusal(500, "Internal server error")
        case "drop_before":
            raise cut(request)
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


def _json_or_none(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def _deliver(order: Order, request_id: str, account: Account, visit: Visit) -> web.Response:
    """Send the texts. They count as sent from here on, even if no answer follows."""
    message_id = str(uuid4())
    order, silent = _thin(order, request_id, account, visit)
    told = len(order.texts) + silent
    if order.scheduled is not None and order.scheduled > time.time():
        scheduled_id = account.network.next_id()
        account.scheduled[scheduled_id] = {"id": scheduled_id, "scheduledDate": order.scheduled}

        def leave() -> None:
            if account.scheduled.pop(scheduled_id, None) is not None:
                _leave(order, request_id, message_id, account, visit, early=False)

        account.agenda.at(time.monotonic() + order.scheduled - time.time(), leave)
        return web.json_response({"message": "Message Scheduled.", "data": {"id": scheduled_id}})
    early = visit.first(Stage.EARLY)
    outbound, calls = _leave(order, request_id, message_id, account, visit, early=early is not None)
    if early is not None:
        await _tell_early(early, calls)
    if account.config.outbound_ids == "one":
        outbound = outbound[:1]
    return web.json_response(
        {
            "message": f"Message Sent to {told} Recipient{'' if told == 1 else 's'}.",
            "data": {
                "messageId": message_id,
                "totalSent": told,
                "totalFailedInternationalRecipients": order.international,
                "outboundIds": outbound,
            },
        }
    )


def _thin(order: Order, request_id: str, account: Account, visit: Visit) -> tuple[Order, int]:
    """Return the request without the texts that a fault drops, and how many of these the answer counts as sent."""
    kept, silent = [], 0
    for text in order.texts:
        kind = visit.drops(text.number)
        if kind is None:
            kept.append(text)
            continue
        told = kind == "partial"
        silent += not told
        account.ledger.drop(Dropped(order.external_id, text.number, request_id, told, time.time()))
    return replace(order, texts=kept), silent


async def _tell_early(rule: Rule, calls: list[Call]) -> None:
    """Wait, up to the rule's delay, until every receipt was delivered, so that it comes before the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(rule.delay[1]):
            for call in calls:
                await call.tried.wait()


def _leave(
    order: Order, request_id: str, message_id: str, account: Account, visit: Visit, *, early: bool
) -> tuple[list[int], list[Call]]:
    ids: list[int] = []
    calls: list[Call] = []
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
            key=visit.key,
        )
        ids.append(outbound.outbound_id)
        if early:
            calls += account.network.rush(outbound)
        else:
            account.network.carry(outbound)
    return ids, calls


async def _pause(account: Account, name: str, bounds: tuple[float, float], visit: Visit | None = None) -> None:
    # At this point the request is not read yet, so its position in the order of arrival identifies it.
    about = (account.arrivals.total,) if visit is None else (visit.key, visit.try_number)
    wait = account.faults.between(bounds, name, *about)
    if wait > 0:
        await asyncio.sleep(wait)
