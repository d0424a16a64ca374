"""The parts of one gateway process, run step by step, with a provider that gives the answers of a test."""

import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.outbox import ACCEPTED

from gateway.dispatch.attempt import Attempt
from gateway.dispatch.budget import ClaimSettings, Limits
from gateway.dispatch.circuit_breaker import RouteBreaker
from gateway.dispatch.claimer import Claimer
from gateway.dispatch.completer import Completer
from gateway.dispatch.cursors import QueueCursors
from gateway.dispatch.encoder import RequestEncoder
from gateway.dispatch.sender import Sender
from gateway.dispatch.splitter import Splitter
from gateway.domain.ids import ExternalIds
from gateway.domain.message import Message
from gateway.domain.outcome import Answer, Classification, History
from gateway.provider.mta.classify import classify
from gateway.provider.mta.request import BATCH_RULES, encode
from gateway.store.buckets import Limit
from gateway.store.pool import Pool


@dataclass
class FakeProvider:
    """A provider that records what is sent. It gives the answers of the test in order, and then accepts everything."""

    route: str = "mta"
    answers: deque[Answer] = field(default_factory=deque)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    batch_rules = BATCH_RULES

    def classify(self, answer: Answer, history: History) -> Classification:
        return classify(answer, history)

    def sender(self, sender_id: int | None) -> int | None:
        return sender_id or 1

    def encode(self, messages: Sequence[Message], *, external_id: str) -> bytes:
        return encode(messages, external_id=external_id, default_sender=1)

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        self.sent.append((request_id, body))
        return self.answers.popleft() if self.answers else ACCEPTED


@dataclass
class CountingObserver:
    """An observer that counts."""

    seen: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.seen.append((name, *values))

    def count(self, name: str) -> int:
        return sum(1 for one in self.seen if one[0] == name)


@dataclass
class Worker:
    """The parts of one process, run step by step."""

    claimer: Claimer
    sender: Sender
    completer: Completer
    provider: FakeProvider
    observer: CountingObserver
    done: list[Attempt]
    lease: float

    def forget_waits(self) -> None:
        """Forget when the paces of senders give their next tokens, because the test gave them some."""
        self.claimer._tokens._paces_from.clear()

    def block_reason(self, attempt: Attempt) -> Any:
        """Return why the attempt must not be made now."""
        return self.sender.block_reason(attempt, attempt.claimed_at + self.lease)

    async def claim(self, slots: int = 10) -> list[Attempt]:
        return (await self.claimer.claim(slots)).attempts

    async def complete(self, *attempts: Attempt) -> None:
        """Send these attempts, and write all results."""
        for attempt in attempts:
            self.completer.put(await self.sender.send(attempt, attempt.claimed_at + self.lease))
        self.completer.stop()
        await self.completer.run()

    async def send_all(self) -> None:
        """Claim, send and complete all that may be sent now."""
        while attempts := await self.claim():
            await self.complete(*attempts)


def make_worker(
    pool: Pool,
    provider: Any,
    *,
    limit: float = 100_000,
    window: float = 1.0,
    horizon: float = 600.0,
    lease: float = 60.0,
    recipients: int = 500,
    parts: Limit | None = None,
    parts_per_day: Limit | None = None,
    reserves: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
    slow_scan: float = math.inf,
) -> Worker:
    """Build the parts of one process. By default limits are high, no lane has a reserve, and no scan is slow."""
    observer: Any = CountingObserver()
    done: list[Attempt] = []
    settings = ClaimSettings(
        worker=f"w{random.random()}",
        max_recipients=recipients,
        lease=lease,
        horizon=horizon,
        send_within=5.0,
        transit=1.0,
    )
    limits = Limits("mta", Limit("mta:requests", limit, window, reserves=reserves), parts, parts_per_day)
    breaker = RouteBreaker(pool, provider.route)
    cursors = QueueCursors(slow_scan=slow_scan, monotonic=monotonic)
    encoder = RequestEncoder(provider, ExternalIds())
    return Worker(
        claimer=Claimer(
            pool, provider, encoder, settings, limits, breaker, observer, cursors=cursors, monotonic=monotonic
        ),
        sender=Sender(provider, observer, call_limit=1.0, monotonic=monotonic),
        completer=Completer(
            pool,
            provider,
            Splitter(encoder),
            breaker,
            observer,
            worker=settings.worker,
            window=15.0,
            request_limit=25,
            lease_until=lambda attempt: attempt.claimed_at + lease,
            on_written=done.extend,
            monotonic=monotonic,
        ),
        lease=lease,
        provider=provider,
        observer=observer,
        done=done,
    )
