"""The last look at the suppression list, for a request that dawdled between its claim and the wire.

The claim itself consults the list, and normally its request is on the wire a millisecond later: asking again would cost
every message a round trip and find nothing. Only where a process was held up in between is the question worth asking,
and only for a first attempt: what may have arrived is asked about under its id, whoever wrote STOP meanwhile.
"""

from collections.abc import Callable

import structlog

from gateway.clock import monotonic
from gateway.dispatch.ticket import Ticket
from gateway.store import suppressions
from gateway.store.pool import UNAVAILABLE, Pool

DAWDLED = 0.02
"""Seconds from the claim to the wire above which the list is asked again."""

log = structlog.get_logger(__name__)


class Rechecker:
    """Asks once more where that is due."""

    def __init__(self, pool: Pool, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic

    async def holds_back(self, ticket: Ticket) -> str | None:
        """Return why the attempt must not be made, None if it may; it is given back, and claimed anew."""
        if ticket.messages is None or self._monotonic() - ticket.claimed_at < DAWDLED:
            return None
        numbers = [message.recipient.number for message in ticket.messages if message.recipient.number is not None]
        try:
            async with self._pool.acquire() as connection:
                return "suppressed" if await suppressions.any_of(connection, numbers) else None
        except UNAVAILABLE as error:
            # Nobody can say, and nothing was sent: giving it back costs a delay.
            log.debug("suppression_unknown", error=type(error).__name__)
            return "suppression_unknown"
