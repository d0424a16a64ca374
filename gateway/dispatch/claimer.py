"""The claim: one short transaction that decides what goes now, and leaves nothing to decide afterwards.

In order: lock the buckets; take up requests that are due again; bind messages to new requests with their exact bytes;
write the tokens back; commit. Only then may a byte leave. If the process dies before the commit, nothing has
happened. If it dies after it, the lease ends and another worker takes the request up as one that may have arrived.
If the answer to the commit is lost, the caller sees an exception, sends nothing, and the lease ends just the same.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from gateway.dispatch.binding import Binder
from gateway.dispatch.budget import Budget, ClaimSettings
from gateway.dispatch.observer import Observer
from gateway.dispatch.retrying import Retrier
from gateway.dispatch.ticket import Ticket
from gateway.provider.protocol import Provider
from gateway.store import buckets, claims
from gateway.store.claims import Ending, Head, Lease
from gateway.store.pool import Connection, Pool

EXPIRE_AT_ONCE = 1000
"""Messages ended in one statement; a backlog that expired during an outage goes in many."""

EXPIRE_EVERY = 1.0
"""Seconds between looks for expired messages. The claim itself never takes one that has expired."""

HELD_WAIT = 0.02
"""Seconds before another look when something is due but another claim or an order key holds it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim brought."""

    tickets: list[Ticket]
    wait: float | None
    """Seconds until there may be something to do; None when nothing at all is waiting."""
    limited: bool = False
    """Something waits and only tokens are missing: a new message could not go either."""


class Claimer:
    """Makes claims for one process, one at a time."""

    def __init__(
        self,
        pool: Pool,
        provider: Provider,
        settings: ClaimSettings,
        observer: Observer,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._observer = observer
        self._monotonic = monotonic
        self._retrier = Retrier(settings, observer)
        self._binder = Binder(provider, settings, observer)
        self._configured: set[int | None] = set()
        self._next_expire = 0.0

    async def claim(self, slots: int) -> Claimed:
        """Claim up to `slots` requests. Raises what the database raises; then nothing was claimed that we know of."""
        async with self._pool.acquire() as connection:
            await self._configure(connection)
            await self._expire(connection)
            heads = await claims.heads(connection)
            ready = [head for head in heads if head.wait <= 0]
            if not ready:
                return Claimed([], min((head.wait for head in heads), default=None))
            async with connection.transaction():
                claimed = await self._claim(connection, ready, slots)
        for ticket in claimed.tickets:
            if ticket.messages is not None:
                self._observer.claimed(ticket.lane, ticket.recipients)
        return claimed

    async def _claim(self, connection: Connection, ready: Sequence[Head], slots: int) -> Claimed:
        # Before the tokens' own time, which is the database's and later: whatever is counted from here errs early.
        claimed_at = self._monotonic()
        budget = await self._open_budget(connection, slots)
        lease = Lease(uuid4(), self._settings.lease, self._settings.worker)
        tickets: list[Ticket] = []
        # A retry of a bulk request must not take the token of a login code: both kinds, lane by lane in urgency.
        for urgent in (True, False):
            group = [head for head in ready if head.urgent is urgent]
            tickets += await self._retrier.claim(connection, group, budget, lease, claimed_at)
            tickets += await self._binder.claim(connection, group, budget, lease, claimed_at)
        if budget.changed:
            await buckets.write(connection, budget.written())
            return Claimed(tickets, 0.0)
        name, wait = budget.longest_wait()
        if wait > 0:
            self._observer.limited(name, wait)
        return Claimed([], max(wait, HELD_WAIT), limited=wait > 0)

    async def _open_budget(self, connection: Connection, slots: int) -> Budget:
        names = [limit.name for limit in self._settings.limits(self._binder.senders)]
        locked, now = await buckets.lock(connection, names)
        per_request = tuple(limit.name for limit in self._settings.request_limits)
        for name in per_request:
            # Tokens are fractions and requests are whole; the tiny addition is for sums like 0.1 + 0.2.
            slots = min(slots, int(locked[name].available(now) + 1e-9))
        return Budget(now, locked, slots, per_request)

    async def _configure(self, connection: Connection) -> None:
        """Make the buckets of senders met since the last claim; at the first claim, all buckets."""
        new = self._binder.senders - self._configured
        if new:
            await buckets.configure(connection, self._settings.limits(new))
            self._configured |= new

    async def _expire(self, connection: Connection) -> None:
        if self._monotonic() < self._next_expire:
            return
        lanes = await claims.expire(connection, EXPIRE_AT_ONCE)
        for lane in lanes:
            self._observer.ended(lane, Ending.EXPIRED.value, 1)
        # A full batch means there is more: go on with the next claim and not only in a second.
        if len(lanes) < EXPIRE_AT_ONCE:
            self._next_expire = self._monotonic() + EXPIRE_EVERY
