"""The HTTP client: one session, kept alive, with every wait bounded."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import date
from typing import Any

import aiohttp

from gateway.clock import monotonic
from gateway.domain.message import Message
from gateway.domain.outcome import Answer, Classification, History, Phase
from gateway.provider.errors import KeyRefused, ProviderError, ProviderUnreachable
from gateway.provider.mta import management
from gateway.provider.mta.classify import classify
from gateway.provider.mta.deadline import SEND_DEADLINE, ConnectionLostBeforeWrite, DeadlineConnector, DeadlineExceeded
from gateway.provider.mta.headers import http_date, rate_headers
from gateway.provider.mta.kind import MTA
from gateway.provider.mta.request import BATCH_RULES, encode
from gateway.provider.mta.response import read_answer
from gateway.provider.protocol import Account, DeliveryRow, Webhook, WebhookSpec

MAX_ANSWER = 1024 * 1024
"""Bytes. An answer is a few hundred; what is longer is not read."""

CONNECT_TIMEOUT = 10.0
"""Seconds for a free connection, its name, its TCP and its TLS together; never more than half of the whole call."""

DNS_CACHE = 60.0

MANAGEMENT_WINDOW = 60.0
"""Seconds of the provider's window for calls that are not sends."""


class MobileTextAlerts:
    """A client of the API v3 under one key. Make it inside a running loop; `close` it there."""

    kind = MTA
    route = MTA.route
    batch_rules = BATCH_RULES

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float,
        window: float,
        connections: int,
        default_sender: int | None = None,
        rate_limit: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        """`timeout` is the longest that one call takes, in seconds; `window` the provider's own rate window.

        `default_sender` is the sending number of messages that name none; see `choose_default_sender`.
        `rate_limit` is entered for each call that is not a send: it waits until the limit for those permits one more.
        """
        self._base = base_url.rstrip("/")
        self._window = window
        self._default_sender = default_sender
        self._rate_limit = rate_limit
        connect = min(CONNECT_TIMEOUT, timeout / 2)
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            connector=DeadlineConnector(limit=connections, ttl_dns_cache=int(DNS_CACHE), keepalive_timeout=30.0),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            raise_for_status=False,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def sender(self, sender_id: int | None) -> int | None:
        """Return the sending number of messages that name this one; None and 0 stand for the default."""
        return sender_id or self._default_sender

    def encode(self, messages: Sequence[Message], *, external_id: str) -> bytes:
        """Return the exact body of a request; raises `ValueError` for messages that can't share one."""
        return encode(messages, external_id=external_id, default_sender=self._default_sender)

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        """Make one attempt; never raises for anything that the network or the provider does.

        After the moment `by` of `gateway.clock` the first byte is not written; the answer is then `HELD_BACK`.

        aiohttp repeats a request on a fresh connection by itself only for methods that HTTP calls idempotent, and
        POST is none of them (`aiohttp.client.IDEMPOTENT_METHODS`); redirects are not followed. So one call of
        this makes at most one request on the wire.
        """
        began = monotonic()
        deadline = SEND_DEADLINE.set(by)
        try:
            async with self._session.post(
                f"{self._base}/send",
                data=body,
                headers={"Content-Type": "application/json", "X-Request-Id": request_id},
                allow_redirects=False,
            ) as response:
                content = await _bounded(response)
                return read_answer(
                    response.status,
                    response.headers,
                    content,
                    window=self._window,
                    duration=monotonic() - began,
                )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            phase, code = classify_error(error)
            return Answer(phase=phase, duration=monotonic() - began, error=code)
        finally:
            SEND_DEADLINE.reset(deadline)

    def classify(self, answer: Answer, history: History) -> Classification:
        """Return what an answer of `send` means, given what earlier attempts of the same request id left open."""
        return classify(answer, history)

    async def verify(self) -> Account:
        """Check the key; raises `KeyRefused` for a wrong one."""
        answer, headers = await self._exchange("GET", "/auth/verify-api-key")
        data = answer.get("data")
        return Account(
            name=str(data.get("name", "")) if isinstance(data, dict) else "",
            rate=rate_headers(headers, window=MANAGEMENT_WINDOW),
            clock=http_date(headers),
        )

    async def choose_default_sender(self) -> int | None:
        """Make the account's first sending number the default, and return its id; None when it has none."""
        self._default_sender = next(iter(await self.sender_numbers()), None)
        return self._default_sender

    async def sender_numbers(self) -> list[int]:
        """Return the ids of all of the account's sending numbers."""
        return management.senders(await self._manage("GET", "/dedicated-numbers"))

    async def deliveries(self, *, since: date, until: date, page: int, page_size: int) -> list[DeliveryRow]:
        """Return one page of the delivery listing, newest first; the filters are whole days.

        Whether pages are counted from 0 or from 1 is not certain. Where there is no page 0, it is page 1.
        """
        try:
            return await self._delivery_page(since, until, page, page_size)
        except ProviderError as error:
            if page == 0 and error.status in {400, 404, 422}:
                return await self._delivery_page(since, until, 1, page_size)
            raise

    async def _delivery_page(self, since: date, until: date, page: int, page_size: int) -> list[DeliveryRow]:
        query = {
            "page": str(page),
            "pageSize": str(page_size),
            "sortBy": "date",
            "sortDirection": "DESC",
            "filters[startDate]": since.isoformat(),
            "filters[endDate]": until.isoformat(),
        }
        return management.delivery_rows(await self._manage("GET", "/deliveries", query=query))

    async def webhooks(self) -> list[Webhook]:
        """Return every registration of the account, over all pages.

        Whether pages are counted from 0 or from 1 is not certain: page 1 may be page 0 again, so that only the page
        after it can be the end.
        """
        found: dict[int, Webhook] = {}
        for page in range(100):
            rows = management.webhook_rows(await self._manage("GET", "/webhooks", query={"page": str(page)}))
            new = [row for row in rows if row.id not in found]
            found |= {row.id: row for row in new}
            if page > 0 and (not rows or (not new and page > 1)):
                break
        return sorted(found.values(), key=lambda row: row.id)

    async def register_webhook(self, spec: WebhookSpec) -> Webhook:
        """Make a registration; the provider makes a second one if asked twice."""
        answer = await self._manage("POST", "/webhooks", body=management.webhook_body(spec))
        rows = management.webhook_rows({"data": {"rows": [answer.get("data")]}})
        if not rows:
            raise ProviderUnreachable("the provider's answer to the registration names no webhook; list them to see")
        return rows[0]

    async def delete_webhook(self, webhook_id: int) -> None:
        """Take a registration away."""
        await self._manage("DELETE", f"/webhooks/{webhook_id}")

    async def unsubscribed(self, page: int) -> list[str]:
        """Return one page of numbers that opted out at the provider."""
        return management.unsubscribed_numbers(
            await self._manage("GET", "/unsubscribes", query={"page": str(page), "pageSize": "100"})
        )

    async def close(self) -> None:
        """Close connections."""
        await self._session.close()

    async def _manage(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        return (await self._exchange(method, path, query=query, body=body))[0]

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        try:
            async with (
                self._rate_limit(),
                self._session.request(
                    method, f"{self._base}{path}", params=query, json=body, allow_redirects=False
                ) as response,
            ):
                status, headers, content = response.status, response.headers, await _bounded(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            _, code = classify_error(error)
            raise ProviderUnreachable(
                f"the provider did not answer ({code}); check SMSGW_MTA_BASE_URL and the network"
            ) from None
        answer = read_answer(status, headers, content, window=self._window, duration=0.0)
        if 200 <= status < 300:
            return management.read_object(content), headers
        if status == 401:
            raise KeyRefused(
                "the provider does not accept the API key; check SMSGW_MTA_API_KEY",
                status=status,
                provider_request_id=answer.provider_request_id,
            )
        raise ProviderError(
            f"the provider answered {status} to {method} {path.partition('?')[0]}",
            status=status,
            provider_request_id=answer.provider_request_id,
            retry_after=answer.retry_after,
        )


def classify_error(error: BaseException) -> tuple[Phase, str]:
    """Return how far a call came that ended in this exception of aiohttp, and a stable code for it.

    Only what is raised before a connection is handed over proves that no byte left. The total timeout does not: it may
    end any part of the call, and the connecting part has a shorter limit of its own.
    """
    for kinds, phase, code in _CLASSES:
        if isinstance(error, kinds):
            return phase, code
    return Phase.MAYBE_SENT, "broken"


_CLASSES: tuple[tuple[tuple[type[BaseException], ...], Phase, str], ...] = (
    ((DeadlineExceeded,), Phase.HELD_BACK, "late"),
    ((ConnectionLostBeforeWrite,), Phase.NOT_SENT, "lost_beforehand"),
    ((aiohttp.ClientConnectorDNSError,), Phase.NOT_SENT, "dns"),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch),
        Phase.NOT_SENT,
        "tls",
    ),
    ((aiohttp.ClientConnectorError,), Phase.NOT_SENT, "connect"),
    ((aiohttp.ConnectionTimeoutError,), Phase.NOT_SENT, "timeout_connect"),
    ((aiohttp.InvalidURL,), Phase.NOT_SENT, "address"),
    ((TimeoutError,), Phase.MAYBE_SENT, "timeout_read"),
    ((aiohttp.ServerDisconnectedError,), Phase.MAYBE_SENT, "disconnected"),
    ((aiohttp.ClientPayloadError,), Phase.MAYBE_SENT, "cut_off"),
    ((aiohttp.ClientResponseError,), Phase.MAYBE_SENT, "not_http"),
    ((OSError,), Phase.MAYBE_SENT, "reset"),
)
"""First match wins: aiohttp derives the narrower from the wider."""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = await response.content.read(MAX_ANSWER)
    while not response.content.at_eof() and len(content) < MAX_ANSWER:
        content += await response.content.read(MAX_ANSWER - len(content))
    return content
