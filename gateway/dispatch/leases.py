"""Keeps the leases of everything this process has in flight, in one statement for all of them."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.store import claims
from gateway.store.pool import UNAVAILABLE, Pool

log = structlog.get_logger(__name__)


class Leases:
    """The attempts in hand, and the loop that renews them.

    A lease outlives the longest call by construction (the settings refuse anything else), so what needs renewing is a
    result that waits for a slow or absent database. Renewal that fails is no reason to hurry: the sender asks
    `Attempt.lease_until` before the wire, and a result that comes too late is fenced.
    """

    def __init__(self, pool: Pool, *, seconds: float, monotonic: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._seconds = seconds
        self._monotonic = monotonic
        self._held: dict[UUID, Attempt] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def idle(self) -> asyncio.Event:
        """Set while nothing is held."""
        return self._idle

    def hold(self, attempt: Attempt) -> None:
        """Take a attempt into care."""
        self._held[attempt.request_id] = attempt
        self._idle.clear()

    def drop(self, attempts: Iterable[Attempt]) -> None:
        """Let go of attempts whose results are written or lost."""
        for attempt in attempts:
            self._held.pop(attempt.request_id, None)
        if not self._held:
            self._idle.set()

    async def run(self) -> None:
        """Renew every third of a lease, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            due = [t for t in self._held.values() if t.lease_until - self._monotonic() < self._seconds * 2 / 3]
            if due:
                try:
                    await self._renew(due)
                except UNAVAILABLE as error:
                    log.warning("leases_not_renewed", leases=len(due), error=type(error).__name__)

    async def _renew(self, due: list[Attempt]) -> None:
        began = self._monotonic()
        async with self._pool.acquire() as connection:
            kept = await claims.renew_leases(connection, [(t.request_id, t.token) for t in due], self._seconds)
        for attempt in due:
            if attempt.request_id in kept and attempt.request_id in self._held:
                # Counted from before the statement: the database's own count began later.
                self._held[attempt.request_id] = dataclasses.replace(attempt, lease_until=began + self._seconds)

    def current(self, attempt: Attempt) -> Attempt:
        """Return the attempt with the lease as it stands now."""
        return self._held.get(attempt.request_id, attempt)
