"""Checks the suppression list again if an attempt is delayed between its claim and the call.

The claim itself reads the list, and normally the request is sent a few milliseconds later. To read the list again would
then find nothing new. It is worth it only if the process was delayed in between, and only for a first attempt: a
request that may have arrived is repeated under its id even if the recipient has opted out since.

What delays one request delays all requests of its claim, so one query checks all of them. A round trip for each would
delay them more than anything else does, just when the machine or the database is busy.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.domain.outcome import HeldBack
from gateway.store import suppressions
from gateway.store.pool import UNAVAILABLE, Pool

RECHECK_AFTER_SECONDS = 0.02
"""Time from reading the list to the call above which the list is read again."""

log = structlog.get_logger(__name__)


class SuppressionRecheck:
    """Checks all attempts together that need a check at the same time."""

    def __init__(self, pool: Pool, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._numbers: set[str] = set()
        self._query: asyncio.Task[frozenset[str] | None] | None = None

    async def block_reason(self, attempt: Attempt) -> HeldBack | None:
        """Return why the attempt must not be made; None if it may. A blocked attempt is released and claimed again."""
        if attempt.messages is None or self._monotonic() - attempt.suppressions_read_at < RECHECK_AFTER_SECONDS:
            return None
        numbers = {message.recipient.number for message in attempt.messages if message.recipient.number is not None}
        if not numbers:
            return None
        self._numbers |= numbers
        if self._query is None:
            self._query = asyncio.create_task(self._suppressed())
        # Shielded: if one attempt is cancelled, the others still get the result.
        suppressed = await asyncio.shield(self._query)
        if suppressed is None:
            return HeldBack.SUPPRESSION_UNKNOWN
        return None if suppressed.isdisjoint(numbers) else HeldBack.SUPPRESSED

    async def _suppressed(self) -> frozenset[str] | None:
        """Return which of the numbers are suppressed; None if the database is away.

        This task starts when all attempts that were started together have added their numbers. An attempt that comes
        later starts a new query, because the result of this one may be older than its claim.
        """
        numbers, self._numbers, self._query = self._numbers, set(), None
        try:
            async with self._pool.acquire() as connection:
                return await suppressions.among(connection, numbers)
        except UNAVAILABLE as error:
            # Not known, and nothing was sent: to release the attempt costs only a delay.
            log.debug("suppression_unknown", error=type(error).__name__)
            return None
