"""Renews the leases of everything that this process has in flight, in one statement for all of them."""

import asyncio
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.store import claims
from gateway.store.pool import UNAVAILABLE, Pool

RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


class Leases:
    """The attempts in flight, and the loop that renews their leases.

    A lease always outlives the longest call: the settings refuse anything else. So a lease needs renewal only while a
    result waits for a slow or absent database. A failed renewal needs no other action: the sender checks `until` before
    it sends, and a result that comes too late is fenced.
    """

    def __init__(self, pool: Pool, *, seconds: float, monotonic: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._seconds = seconds
        self._monotonic = monotonic
        self._held: dict[UUID, tuple[Attempt, float]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, attempt: Attempt) -> None:
        """Renew the lease of this attempt from now on."""
        self._held[attempt.request_id] = attempt, attempt.claimed_at + self._seconds

    def until(self, attempt: Attempt) -> float:
        """Return the local moment at which the lease of this attempt ends; the only place that knows it."""
        _, until = self._held.get(attempt.request_id, (attempt, attempt.claimed_at + self._seconds))
        return until

    def drop(self, attempts: Iterable[Attempt]) -> None:
        """Stop renewing the leases of attempts whose results are written or lost."""
        for attempt in attempts:
            self._held.pop(attempt.request_id, None)

    async def run(self) -> None:
        """Renew every third of a lease, until cancelled."""
        interval = self._seconds / RENEWALS_PER_LEASE
        while True:
            await asyncio.sleep(interval)
            now = self._monotonic()
            due = [attempt for attempt, until in self._held.values() if until - now < self._seconds - interval]
            if due:
                try:
                    await self._renew(due)
                except UNAVAILABLE as error:
                    log.warning("leases_not_renewed", leases=len(due), error=type(error).__name__)

    async def _renew(self, due: list[Attempt]) -> None:
        began = self._monotonic()
        async with self._pool.acquire() as connection:
            kept = await claims.renew_leases(
                connection, [(one.request_id, one.claim_token) for one in due], self._seconds
            )
        for attempt in due:
            if attempt.request_id in kept and attempt.request_id in self._held:
                # Counted from before the statement: the database's own time of the renewal is later.
                self._held[attempt.request_id] = attempt, began + self._seconds
