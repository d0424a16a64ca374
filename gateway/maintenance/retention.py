"""Deletes messages that ended longer ago than `SMSGW_RETENTION`, with their requests, attempts and receipts.

Open messages are never deleted, however old they are. The log of operator actions stays too. One process works at a
time, in batches with a pause between them. It walks the primary key from its oldest end, so it needs neither an index
of its own nor a long transaction. With a message its dedupe_key is forgotten, and a later receipt finds no message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from gateway.store import retention
from gateway.store.pool import UNAVAILABLE, Pool
from gateway.store.retention import DeletedBatch

BATCH = 1000
BATCH_PAUSE = 0.05
"""Seconds between two batches. At most 20,000 messages a second are deleted."""

INTERVAL = 600.0
"""Seconds between two passes over everything that is old enough."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one pass deleted."""

    messages: int = 0
    requests: int = 0
    receipts: int = 0


class Retention:
    """The loop of one process."""

    def __init__(
        self, pool: Pool, seconds: float, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`seconds` after its end a message is deleted."""
        self._pool = pool
        self._seconds = seconds
        self._sleep = sleep

    async def run(self) -> None:
        """Make pass after pass until cancelled."""
        while True:
            try:
                deleted = await self.once()
                if deleted.messages or deleted.receipts:
                    log.info(
                        "old_messages_deleted",
                        messages=deleted.messages,
                        requests=deleted.requests,
                        receipts=deleted.receipts,
                    )
            except UNAVAILABLE as error:
                log.debug("retention_delayed", error=type(error).__name__)
            await self._sleep(INTERVAL)

    async def once(self) -> Deleted:
        """Delete everything that is old enough now; less when another process is doing it."""
        before, ceiling = await retention.span(self._pool, self._seconds)

        async def messages(above: int) -> DeletedBatch:
            return await retention.forget(self._pool, above=above, below=ceiling, before=before, limit=BATCH)

        async def receipts(above: int) -> DeletedBatch:
            return await retention.forget_receipts(self._pool, above=above, before=before, limit=BATCH)

        first, second = await self._batches(messages), await self._batches(receipts)
        return Deleted(first.messages, first.requests, second.receipts)

    async def _batches(self, delete_batch: Callable[[int], Awaitable[DeletedBatch]]) -> Deleted:
        above: int | None = 0
        total = Deleted()
        while above is not None:
            batch = await delete_batch(above)
            total = Deleted(
                total.messages + batch.messages, total.requests + batch.requests, total.receipts + batch.receipts
            )
            above = batch.reached
            if above is not None:
                await self._sleep(BATCH_PAUSE)
        return total
