"""The webhook listener: one address for each event, and one for an account that sends all events to one address.

The checks are in the order of their cost: size, signature, JSON, journal. The answer 200 comes after the commit. Any
other answer asks the provider to try again, which it does at most twice.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import structlog
from aiohttp import web

from gateway.domain.ids import NO_PREFIX, ExternalIds
from gateway.domain.observers import ReceiptObserver
from gateway.domain.receipt import Event
from gateway.provider.errors import NotJson
from gateway.provider.protocol import WebhookReader
from gateway.receipts.journal import Journal, Overloaded

MAX_BODY = 1024 * 1024
"""Bytes. A real body has a few hundred. aiohttp reads at most this much of a request."""

BODY_TIMEOUT = 10.0
"""Seconds in which a body must arrive; the provider sends it in one piece."""

JSON = {"Content-Type": "application/json"}


class WebhookResult(StrEnum):
    """How a call was answered."""

    STORED = "stored"
    REPEATED = "repeated"
    UNAUTHORIZED = "unauthorized"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NOT_JSON = "not_json"
    UNAVAILABLE = "unavailable"


STATUSES = {
    WebhookResult.STORED: 200,
    WebhookResult.REPEATED: 200,
    WebhookResult.UNAUTHORIZED: 401,
    WebhookResult.TOO_LARGE: 413,
    WebhookResult.TOO_SLOW: 408,
    WebhookResult.NOT_JSON: 400,
    WebhookResult.UNAVAILABLE: 503,
}
ANSWERS = {result: b'{"result": "%s"}' % result.encode() for result in WebhookResult}

log = structlog.get_logger(__name__)


class Listener:
    """Answers webhooks."""

    def __init__(
        self,
        journal: Journal,
        webhooks: WebhookReader,
        secrets: Sequence[str],
        observer: ReceiptObserver,
        *,
        external_ids: ExternalIds = NO_PREFIX,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_stored` is called after a receipt was committed: there is something to apply."""
        self._journal = journal
        self._webhooks = webhooks
        self._secrets = tuple(secrets)
        self._observer = observer
        self._external_ids = external_ids
        self._on_stored = on_stored
        path = webhooks.path
        self._addresses: dict[str, Event | None] = {path: None, f"{path}/": None}
        self._addresses |= {f"{path}/{event}": event for event in webhooks.events}
        self._unknown_event = re.compile(re.escape(path) + r"/[^/]+/?")
        if not self._secrets:
            log.warning("webhooks_refused", reason="SMSGW_WEBHOOK_SECRET is not set")

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one call. There is no router: one of five addresses is found by a lookup in a dictionary."""
        path = request.raw_path.partition("?")[0]
        event = self._addresses.get(path)
        # The journal keeps events that we do not know, too.
        if event is None and path not in self._addresses and not self._unknown_event.fullmatch(path):
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        began = time.monotonic()
        result = await self._answer(request, event)
        self._observer.webhook(event or Event.OTHER, result, time.monotonic() - began)
        return web.Response(body=ANSWERS[result], status=STATUSES[result], headers=JSON)

    async def _answer(self, request: web.BaseRequest, event: Event | None) -> WebhookResult:
        try:
            body = await _body(request)
        except web.HTTPRequestEntityTooLarge:
            return WebhookResult.TOO_LARGE
        except TimeoutError:
            return WebhookResult.TOO_SLOW
        if not self._webhooks.is_authentic(self._secrets, request.headers, body):
            return WebhookResult.UNAUTHORIZED
        try:
            receipt = self._webhooks.read(body, event, self._external_ids)
        except NotJson:
            return WebhookResult.NOT_JSON
        try:
            new = await self._journal.add(receipt)
        except Overloaded:
            return WebhookResult.UNAVAILABLE
        self._on_stored()
        return WebhookResult.STORED if new else WebhookResult.REPEATED


async def _body(request: web.BaseRequest) -> bytes:
    """Return the body; raises `TimeoutError` when it does not come.

    A body that came with its headers needs no timer.
    """
    if request.content.is_eof():
        return await request.read()
    async with asyncio.timeout(BODY_TIMEOUT):
        return await request.read()
