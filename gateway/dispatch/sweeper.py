"""What a claim tidies first: messages that nobody may send any more, and those that stood aside and may go again."""

from collections.abc import Callable

from gateway.clock import monotonic
from gateway.domain.observers import DispatchObserver
from gateway.store import claims
from gateway.store.claims import TerminalStatus
from gateway.store.pool import Connection

AT_ONCE = 1000
"""Messages changed in one statement; a backlog that expired during an outage goes in many."""

KEYS_AT_ONCE = 500
"""Order keys looked at in one statement."""

EVERY = 1.0
"""Seconds between two looks. The claim itself never takes a message that has expired."""

QUIET = 4.0
"""Seconds until the next look where this one found nothing to do. So late, and a poll later, is a message called
expired, let go what a pause of its tag held, or noticed what another replica left behind an order key."""

LONGEST = 0.2
"""Seconds that one look may take, while whoever is urgent waits: what is left is done before the next claim."""

SHARES_AT_ONCE = 1000
SHARES_EVERY = 60.0
"""Seconds between two looks at what tenants were served, which is forgotten of those who are gone."""

GONE = 3600.0
"""Seconds after which a tenant that was not served counts as new."""

FIRST = ("", "", 0)
FIRST_SHARE = ("", "")
PAST_ALL_OF_A_KEY = 2**63 - 1


class Sweeper:
    """Ends and lets go, at a slow beat and in short statements of their own. Killed anywhere, the next look goes on."""

    def __init__(self, observer: DispatchObserver, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._observer = observer
        self._monotonic = monotonic
        self._next = 0.0
        self._after: tuple[str, str, int] = FIRST
        self._next_shares = 0.0
        self._share: tuple[str, str] = FIRST_SHARE
        self.some_parked_by_order = False
        """Messages stand behind others of their order key: worth a look at each claim."""

    async def sweep(self, connection: Connection) -> None:
        """ScanResult, if it is time."""
        began = self._monotonic()
        if began >= self._next:
            due = await claims.sweep_work(connection)
            done = not (due.expired or due.parked_by_pause)
            beat = QUIET if done and not due.parked_by_order_key else EVERY
            while not done and self._monotonic() - began < LONGEST:
                done = await self._expire_and_unpark(connection)
            if done:
                self._next = self._monotonic() + beat
            if due.parked_by_order_key or self.some_parked_by_order:
                await self._unblock_ordered(connection)
            await self._forget_shares(connection)
        elif self.some_parked_by_order:
            await self._unblock_ordered(connection)

    async def _expire_and_unpark(self, connection: Connection) -> bool:
        """Change one batch of each kind; return whether that was all."""
        lanes = await claims.expire(connection, AT_ONCE)
        for lane in lanes:
            self._observer.ended(lane, TerminalStatus.EXPIRED.value, 1)
        doubtful = await claims.revert_expired_resends(connection, AT_ONCE)
        freed = await claims.unpark_unpaused(connection, AT_ONCE)
        return max(len(lanes), doubtful, freed) < AT_ONCE

    async def _unblock_ordered(self, connection: Connection) -> None:
        """ScanResult at some order keys, going round: with very many of them each has its turn after a few claims."""
        began_at = self._after
        keys = await claims.unblock_next_in_order(connection, began_at, KEYS_AT_ONCE)
        self._after = (*keys[-1], PAST_ALL_OF_A_KEY) if len(keys) == KEYS_AT_ONCE else FIRST
        self.some_parked_by_order = bool(keys) or began_at != FIRST

    async def _forget_shares(self, connection: Connection) -> None:
        """Forget a stretch of shares, at each beat until the last of them; then not for a while."""
        if self._monotonic() < self._next_shares:
            return
        last = await claims.forget_shares(connection, self._share, SHARES_AT_ONCE, GONE)
        self._share = FIRST_SHARE if last is None else last
        if last is None:
            self._next_shares = self._monotonic() + SHARES_EVERY
