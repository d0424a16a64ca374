"""Forgets messages that ended longer ago than `SMSGW_RETENTION`, with their requests, attempts and receipts.

What is open is never touched, however old, nor what operators did: the log stays. One process at a time works, in
batches with a pause between them, along the primary key from its oldest end, so that neither an index nor a long
transaction is needed for it. With a message its dedupe_key is forgotten too, and a receipt that comes later finds
nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from gateway.store import retention
from gateway.store.pool import UNAVAILABLE, Pool
from gateway.store.retention import Forgotten

BATCH = 1000
BETWEEN = 0.05
"""Seconds between two batches: at the most 20,000 messages a second are forgotten."""

EVERY = 600.0
"""Seconds between two passes over everything that is old enough."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass forgot."""

    messages: int
    requests: int
    receipts: int


class Retention:
    """The loop of one process."""

    def __init__(
        self, pool: Pool, seconds: float, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`seconds` after its end a message is forgotten."""
        self._pool = pool
        self._seconds = seconds
        self._sleep = sleep

    async def run(self) -> None:
        """Forget, pass after pass, until cancelled."""
        while True:
            try:
                done = await self.once()
                if done.messages or done.receipts:
                    log.info("forgotten", messages=done.messages, requests=done.requests, receipts=done.receipts)
            except UNAVAILABLE as error:
                log.debug("retention_delayed", error=type(error).__name__)
            await self._sleep(EVERY)

    async def once(self) -> Pass:
        """Forget everything that is old enough now; less when another process is at it."""
        before, ceiling = await retention.span(self._pool, self._seconds)

        async def messages(above: int) -> Forgotten:
            return await retention.forget(self._pool, above=above, below=ceiling, before=before, most=BATCH)

        async def receipts(above: int) -> Forgotten:
            return await retention.forget_receipts(self._pool, above=above, before=before, most=BATCH)

        first, second = await self._along(messages), await self._along(receipts)
        return Pass(first.messages, first.requests, second.receipts)

    async def _along(self, batch: Callable[[int], Awaitable[Forgotten]]) -> Pass:
        place: int | None = 0
        total = Pass(0, 0, 0)
        while place is not None:
            done = await batch(place)
            total = Pass(total.messages + done.messages, total.requests + done.requests, total.receipts + done.receipts)
            place = done.reached
            if place is not None:
                await self._sleep(BETWEEN)
        return total
