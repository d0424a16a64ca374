"""The webhook listener: `POST /webhooks/mta/{event}`, and `/webhooks/mta` for an account that sends all to one address.

The order of the checks is the order of their cost: size, signature, JSON, journal. The answer 200 comes after the
commit; anything else tells the provider to come again, which it does twice at the most.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence

import structlog
from aiohttp import web

from gateway.domain.ids import NO_PREFIX, ExternalIds
from gateway.domain.observers import ReceiptObserver
from gateway.receipts.journal import Journal, Overloaded
from gateway.receipts.parse import EVENTS, NotJson, parse
from gateway.receipts.signature import verify

LARGEST = 1024 * 1024
"""Bytes of a body; a real one has a few hundred. It is what aiohttp reads of a request at the most."""

BODY_TIMEOUT = 10.0
"""Seconds in which a body must have come; the provider sends it in one piece."""

PATH = "/webhooks/mta"
ADDRESSES = {PATH: "", f"{PATH}/": ""} | {f"{PATH}/{event}": event for event in EVENTS}
UNKNOWN_EVENT = re.compile(PATH + r"/[^/]+/?")
"""An event that we have never heard of is journalled too."""

JSON = {"Content-Type": "application/json"}
ANSWERS = {
    result: b'{"result": "%s"}' % result.encode()
    for result in ("stored", "repeated", "unauthorized", "too_large", "too_slow", "not_json", "unavailable")
}

log = structlog.get_logger(__name__)


class Listener:
    """Answers webhooks."""

    def __init__(
        self,
        journal: Journal,
        secrets: Sequence[str],
        observer: ReceiptObserver,
        *,
        external_ids: ExternalIds = NO_PREFIX,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        """Without a secret every call is refused: an unsigned receipt could declare any message delivered."""
        self._journal = journal
        self._secrets = tuple(secrets)
        self._observer = observer
        self._external_ids = external_ids
        self._on_stored = on_stored
        if not self._secrets:
            log.warning("webhooks_refused", reason="SMSGW_WEBHOOK_SECRET is not set")

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one call. Served without a router: finding one of five addresses is a look into a dictionary."""
        path = request.raw_path.partition("?")[0]
        event = ADDRESSES.get(path)
        if event is None:
            if not UNKNOWN_EVENT.fullmatch(path):
                return web.Response(status=404)
            event = ""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        began = time.monotonic()
        status, result = await self._answer(request, event)
        self._observer.webhook(event or "other", result, time.monotonic() - began)
        return web.Response(body=ANSWERS[result], status=status, headers=JSON)

    async def _answer(self, request: web.BaseRequest, event: str) -> tuple[int, str]:
        try:
            body = await _body(request)
        except web.HTTPRequestEntityTooLarge:
            return 413, "too_large"
        except TimeoutError:
            return 408, "too_slow"
        if not verify(self._secrets, body, request.headers.get("X-Signature")):
            return 401, "unauthorized"
        try:
            receipt = parse(body, event or None, external_ids=self._external_ids)
        except NotJson:
            return 400, "not_json"
        try:
            new = await self._journal.add(receipt)
        except Overloaded:
            return 503, "unavailable"
        self._on_stored()
        return 200, "stored" if new else "repeated"


async def _body(request: web.BaseRequest) -> bytes:
    """Return the body; raises `TimeoutError` when it does not come. One that came with its headers needs no timer."""
    if request.content.is_eof():
        return await request.read()
    async with asyncio.timeout(BODY_TIMEOUT):
        return await request.read()
