"""The webhook listener: `POST /webhooks/mta/{event}`, and `/webhooks/mta` for an account that sends all to one address.

The order of the checks is the order of their cost: size, signature, JSON, journal. The answer 200 comes after the
commit; anything else tells the provider to come again, which it does twice at the most.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from aiohttp import web

from gateway.receipts.journal import Journal, Overloaded
from gateway.receipts.parse import EVENTS, NotJson, parse
from gateway.receipts.signature import verify

LARGEST = 1024 * 1024
"""Bytes of a body; a real one has a few hundred."""

BODY_TIMEOUT = 10.0
"""Seconds in which a body must have come; the provider sends it in one piece."""

log = structlog.get_logger(__name__)


class WebhookObserver(Protocol):
    """Hears of every call."""

    def webhook(self, event: str, result: str, seconds: float) -> None:
        """A call was answered."""


class Listener:
    """Answers webhooks."""

    def __init__(
        self,
        journal: Journal,
        secrets: Sequence[str],
        observer: WebhookObserver,
        *,
        prefix: str = "",
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        """Without a secret every call is refused: an unsigned receipt could declare any message delivered."""
        self._journal = journal
        self._secrets = tuple(secrets)
        self._observer = observer
        self._prefix = prefix
        self._on_stored = on_stored
        if not self._secrets:
            log.warning("webhooks_refused", reason="SMSGW_WEBHOOK_SECRET is not set")

    def build(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_post("/webhooks/mta", self._handle)
        app.router.add_post("/webhooks/mta/{event}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        event = request.match_info.get("event", "")
        status, result = await self._answer(request, event or None)
        self._observer.webhook(event if event in EVENTS else "other", result, time.monotonic() - began)
        return web.json_response({"result": result}, status=status)

    async def _answer(self, request: web.Request, event: str | None) -> tuple[int, str]:
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return 413, "too_large"
        except TimeoutError:
            return 408, "unavailable"
        if not verify(self._secrets, body, request.headers.get("X-Signature")):
            return 401, "unauthorized"
        try:
            receipt = parse(body, event, prefix=self._prefix)
        except NotJson:
            return 400, "not_json"
        try:
            new = await self._journal.add(receipt)
        except Overloaded:
            return 503, "unavailable"
        self._on_stored()
        return 200, "stored" if new else "repeated"
