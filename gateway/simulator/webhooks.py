"""Webhook registrations and calls: signed over the exact bytes; only 200 is success; at most two retries."""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.scheduler import Agenda

EVENTS = ("delivery-status", "message-reply", "message-send", "number-opt-in")


@dataclass(slots=True)
class Registration:
    """One webhook of the account."""

    id: int
    event: str
    url: str
    secret: str
    alert_email: str | None = None
    send_alert_email: bool = False
    skip_errors: bool = False
    skip_error_codes: list[str] = field(default_factory=list)
    retry_on_error: bool = True
    max_per_minute: int = 600
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    called: deque[float] = field(default_factory=deque)

    def public(self) -> dict[str, Any]:
        """Return the API's view of a registration; it does not show the secret."""
        return {
            "id": self.id,
            "event": self.event,
            "url": self.url,
            "alertEmail": self.alert_email,
            "sendAlertEmail": self.send_alert_email,
            "skipErrors": self.skip_errors,
            "skipErrorCodes": self.skip_error_codes,
            "retryOnError": self.retry_on_error,
            "maxThroughputPerMinute": self.max_per_minute,
            "createdAt": self.created_at,
        }


@dataclass(slots=True)
class Call:
    """One event for one registration."""

    registration: Registration
    body: bytes
    attempt: int = 0
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after the first try, or when the event is dropped."""


@dataclass(slots=True)
class ReplayCount:
    """Counts of the calls."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    lost: int = 0


def signature(secret: str, body: bytes) -> str:
    """Return the value of `X-Signature`: the key is the secret's text, the message the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Webhooks:
    """The account's webhooks."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._calls: asyncio.Queue[Call] = asyncio.Queue()
        self._config = SimulatorConfig()
        self.registrations: dict[int, Registration] = {}
        self.tally = ReplayCount()
        self._last_id = 10

    def configure(self, config: SimulatorConfig) -> None:
        """Use new settings."""
        self._config = config

    def register(self, registration: Registration) -> Registration:
        """Add a registration. A second one for the same address is allowed, as at the provider; both are called."""
        self._last_id += 1
        registration.id = self._last_id
        self.registrations[registration.id] = registration
        return registration

    def fire(self, event: str, payload: dict[str, Any]) -> list[Call]:
        """Call every webhook of the event; return the calls."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        calls = [Call(one, body) for one in self.registrations.values() if one.event == event]
        for call in calls:
            self._admit(call)
        return calls

    def _admit(self, call: Call) -> None:
        """Limit the webhook's rate: queue or drop the calls above it."""
        now = time.monotonic()
        registration = call.registration
        called = registration.called
        while called and called[0] <= now - 60.0:
            called.popleft()
        if len(called) < registration.max_per_minute:
            called.append(now)
            self._calls.put_nowait(call)
        elif self._config.webhook_overflow == "queue":
            self._agenda.at(called[0] + 60.0, lambda: self._admit(call))
        else:
            self.tally.dropped += 1
            call.tried.set()

    async def run(self) -> None:
        """Make the calls, until cancelled."""
        connector = aiohttp.TCPConnector(limit=self._config.webhook_concurrency)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            for _ in range(self._config.webhook_concurrency):
                group.create_task(self._caller(session))

    async def _caller(self, session: aiohttp.ClientSession) -> None:
        while True:
            call = await self._calls.get()
            if await self._call(session, call.registration, call.body):
                self.tally.delivered += 1
            elif call.registration.retry_on_error and call.attempt < self._config.webhook_retries:
                wait = self._config.webhook_backoff * 2.0**call.attempt
                call.attempt += 1
                self._agenda.at(time.monotonic() + wait, partial(self._calls.put_nowait, call))
            else:
                self.tally.failed += 1
            call.tried.set()

    async def _call(self, session: aiohttp.ClientSession, registration: Registration, body: bytes) -> bool:
        headers = {"Content-Type": "application/json", "X-Signature": signature(registration.secret, body)}
        try:
            async with session.post(
                registration.url,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._config.webhook_timeout),
            ) as response:
                await response.read()
                return response.status == 200 or registration.skip_errors
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
