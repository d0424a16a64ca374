"""What a claim cleans up first: it ends expired messages, and unparks messages that may be sent now."""

from collections.abc import Callable

from gateway.clock import monotonic
from gateway.domain.observers import DispatchObserver
from gateway.store import claims
from gateway.store.claims import TerminalStatus
from gateway.store.pool import Connection

SWEEP_SECONDS = 1.0
"""Between two sweeps while there is work. The claim itself never takes an expired message."""

IDLE_SWEEP_SECONDS = 4.0
"""Between two sweeps after one that found nothing to do. With a poll on top, this is the longest delay until a message
is `expired`, until a tag's messages are unparked after its pause, and until this process notices messages that another
replica has parked behind an order key."""

MAX_SWEEP_SECONDS = 0.2
"""Time of one sweep, because urgent messages wait during it. What is left is done before the next claim."""

MAX_MESSAGES_PER_STATEMENT = 1000
"""A backlog that expired during an outage takes many statements."""

MAX_ORDER_KEYS_PER_STATEMENT = 500

SHARE_CLEANUP_SECONDS = 60.0
"""Between two cleanups of the pass values of tenants that are gone."""

TENANT_GONE_AFTER_SECONDS = 3600.0
"""A tenant that was not served for this long counts as new."""

MAX_SHARES_PER_STATEMENT = 1000

FIRST_ORDER_KEY = ("", "", 0)
FIRST_SHARE = ("", "")
AFTER_LAST_ID = 2**63 - 1


class Sweeper:
    """Ends and unparks messages in short statements of their own. If it dies anywhere, the next sweep continues."""

    def __init__(self, observer: DispatchObserver, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._observer = observer
        self._monotonic = monotonic
        self._next_sweep = 0.0
        self._order_keys_after: tuple[str, str, int] = FIRST_ORDER_KEY
        self._next_share_cleanup = 0.0
        self._shares_after: tuple[str, str] = FIRST_SHARE
        self.some_parked_by_order = False
        """Messages are parked behind others of their order key, so every claim tries to unpark some."""

    async def sweep(self, connection: Connection) -> None:
        """Do what is due."""
        began = self._monotonic()
        if began >= self._next_sweep:
            work = await claims.sweep_work(connection)
            done = not (work.expired or work.parked_by_pause)
            interval = IDLE_SWEEP_SECONDS if done and not work.parked_by_order_key else SWEEP_SECONDS
            while not done and self._monotonic() - began < MAX_SWEEP_SECONDS:
                done = await self._expire_and_unpark(connection)
            if done:
                self._next_sweep = self._monotonic() + interval
            if work.parked_by_order_key or self.some_parked_by_order:
                await self._unpark_ordered(connection)
            await self._forget_shares(connection)
        elif self.some_parked_by_order:
            await self._unpark_ordered(connection)

    async def _expire_and_unpark(self, connection: Connection) -> bool:
        """Change one batch of each kind; return whether that was all."""
        lanes = await claims.expire(connection, MAX_MESSAGES_PER_STATEMENT)
        for lane in lanes:
            self._observer.ended(lane, TerminalStatus.EXPIRED.value, 1)
        reverted = await claims.revert_expired_resends(connection, MAX_MESSAGES_PER_STATEMENT)
        unparked = await claims.unpark_unpaused(connection, MAX_MESSAGES_PER_STATEMENT)
        return max(len(lanes), reverted, unparked) < MAX_MESSAGES_PER_STATEMENT

    async def _unpark_ordered(self, connection: Connection) -> None:
        """Unpark the first message of some order keys. If there are very many keys, each is reached in a few claims."""
        began_at = self._order_keys_after
        keys = await claims.unblock_next_in_order(connection, began_at, MAX_ORDER_KEYS_PER_STATEMENT)
        more = len(keys) == MAX_ORDER_KEYS_PER_STATEMENT
        self._order_keys_after = (*keys[-1], AFTER_LAST_ID) if more else FIRST_ORDER_KEY
        self.some_parked_by_order = bool(keys) or began_at != FIRST_ORDER_KEY

    async def _forget_shares(self, connection: Connection) -> None:
        """Delete old pass values, one statement per sweep until all are checked; then wait for the next cleanup."""
        if self._monotonic() < self._next_share_cleanup:
            return
        last = await claims.forget_shares(
            connection, self._shares_after, MAX_SHARES_PER_STATEMENT, TENANT_GONE_AFTER_SECONDS
        )
        self._shares_after = FIRST_SHARE if last is None else last
        if last is None:
            self._next_share_cleanup = self._monotonic() + SHARE_CLEANUP_SECONDS
