"""Deletes old entries of the feed of final states."""

import asyncio

import structlog

from gateway.store import feed
from gateway.store.pool import UNAVAILABLE, Pool

BATCH = 1000
INTERVAL = 15.0
"""Seconds between two batches. A backlog of old entries has no reader, so it need not go away quickly."""

log = structlog.get_logger(__name__)


class FeedPruning:
    """The loop of one process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Delete batch after batch until cancelled."""
        while True:
            try:
                await feed.delete_old(self._pool, BATCH)
            except UNAVAILABLE as error:
                log.debug("feed_pruning_delayed", error=type(error).__name__)
            await asyncio.sleep(INTERVAL)
