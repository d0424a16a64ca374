"""The last look at the suppression list, for a request that dawdled between its claim and the wire.

The claim itself consults the list, and normally its request is on the wire a few milliseconds later: asking again would
find nothing. Only where a process was held up in between is the question worth asking, and only for a first attempt:
what may have arrived is asked about under its id, whoever wrote STOP meanwhile.

What holds one request up holds up all of its claim, so they are asked about together: a round trip each would hold them
up more than anything else does, just when the machine or the database is busy.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.store import suppressions
from gateway.store.pool import UNAVAILABLE, Pool

RECHECK_AFTER = 0.02
"""Seconds from the list to the wire above which the list is asked again."""

log = structlog.get_logger(__name__)


class SuppressionRecheck:
    """Asks once more where that is due, about everything together that is due at the same time."""

    def __init__(self, pool: Pool, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._numbers: set[str] = set()
        self._question: asyncio.Task[frozenset[str] | None] | None = None

    async def block_reason(self, attempt: Attempt) -> str | None:
        """Return why the attempt must not be made, None if it may; it is given back, and claimed anew."""
        if attempt.messages is None or self._monotonic() - attempt.consulted_at < RECHECK_AFTER:
            return None
        numbers = {message.recipient.number for message in attempt.messages if message.recipient.number is not None}
        if not numbers:
            return None
        self._numbers |= numbers
        if self._question is None:
            self._question = asyncio.create_task(self._ask())
        # Shielded: one attempt that is cancelled must not take the answer from the others.
        suppressed = await asyncio.shield(self._question)
        if suppressed is None:
            return "suppression_unknown"
        return None if suppressed.isdisjoint(numbers) else "suppressed"

    async def _ask(self) -> frozenset[str] | None:
        """Return which of the numbers are suppressed, None if nobody can say.

        As a task this begins when all that were launched together have named their numbers. Who comes from here on
        starts a new question: this one's answer may be older than his claim.
        """
        numbers, self._numbers, self._question = self._numbers, set(), None
        try:
            async with self._pool.acquire() as connection:
                return await suppressions.among(connection, numbers)
        except UNAVAILABLE as error:
            # Nobody can say, and nothing was sent: giving it back costs a delay.
            log.debug("suppression_unknown", error=type(error).__name__)
            return None
