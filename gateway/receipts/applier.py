"""Applies journalled receipts when they arrive and again on a timer. Any number of replicas may do so at once."""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway.domain.observers import NullObserver, ReceiptObserver
from gateway.receipts.opt_out import keyword
from gateway.store import actions, feed, receipts, suppressions
from gateway.store.pool import UNAVAILABLE, Connection, Pool
from gateway.store.receipts import Reply

BATCH = 1000
BACK_OFF_FACTOR = 3.0
"""During a flood the applier uses the database for one part in `1 + BACK_OFF_FACTOR` of the time."""

MAX_PAUSE = 1.0
"""Seconds: the longest pause between two batches."""

REMATCH_EVERY = 15.0
POLL_EVERY = 1.0
"""Seconds between checks of the journal without a hint: another replica's listener may have written to it."""

DATABASE_RETRY = 0.5

log = structlog.get_logger(__name__)


class ReceiptApplier:
    """The loop of one replica."""

    def __init__(
        self,
        pool: Pool,
        observer: ReceiptObserver | None = None,
        *,
        busy: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`busy` tells whether receipts arrive in a flood: then most of the database's time is left to the journal."""
        self._pool = pool
        self._observer = observer or NullObserver()
        self._busy = busy
        self._monotonic = monotonic
        self._hint = asyncio.Event()
        self._next_rematch = 0.0

    def hint(self) -> None:
        """Wake the loop: something was journalled."""
        self._hint.set()

    async def run(self) -> None:
        """Apply until cancelled."""
        while True:
            try:
                await self._rematch()
                while await self._apply_batch() or await feed.publish(self._pool, BATCH):
                    continue
            except UNAVAILABLE as error:
                log.warning("receipts_delayed", error=type(error).__name__)
                await asyncio.sleep(DATABASE_RETRY)
                continue
            try:
                await asyncio.wait_for(self._hint.wait(), POLL_EVERY)
            except TimeoutError:
                continue
            self._hint.clear()

    async def _apply_batch(self) -> int:
        """Apply one batch; during a flood, then pause for `BACK_OFF_FACTOR` times as long.

        The provider waits only for answers, so in a flood the journal comes first. Until the flood is over, journalled
        receipts are applied at a share of the full rate; see docs/design.md.
        """
        began = self._monotonic()
        count = await self.apply_some()
        if count:
            # After each batch, so that applications see final states during a flood too.
            await feed.publish(self._pool, BATCH)
        duration = self._monotonic() - began
        if count and self._busy():
            await asyncio.sleep(min(MAX_PAUSE, BACK_OFF_FACTOR * duration))
        return count

    async def apply_some(self) -> int:
        """Apply one batch; return how many receipts it held.

        If the process dies in here, the transaction rolls back and the next batch holds the same receipts.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            pending = await receipts.lock_pending(connection, BATCH)
            if not pending.ids:
                return 0
            applied = await receipts.apply(connection, pending)
            settled = await receipts.settle_groups(connection) if any(row.of_group for row in applied) else []
            for reply in await receipts.replies(connection, pending.replies) if pending.replies else ():
                await self._reply(connection, reply)
        self._observer.applied(applied)
        self._observer.settled(settled)
        conflicts = sum(row.receipts for row in applied if row.result == "conflict")
        if conflicts:
            log.warning("receipts_conflict", count=conflicts)
        return len(pending.ids)

    async def _rematch(self) -> None:
        if self._monotonic() >= self._next_rematch:
            self._next_rematch = self._monotonic() + REMATCH_EVERY
            await receipts.retry_unmatched(self._pool)
            abandoned = await receipts.abandon_unmatched(self._pool)
            if abandoned:
                log.warning("receipts_abandoned", count=abandoned)
                self._observer.abandoned(abandoned)
            # The answer that reports how many members a group has may come after the last receipt.
            async with self._pool.acquire() as connection:
                self._observer.settled(await receipts.settle_groups(connection))

    async def _reply(self, connection: Connection, reply: Reply) -> None:
        word = keyword(reply.text)
        new = await receipts.add_reply(connection, reply, word)
        # Only a new reply changes the list, and only the phone's last word: neither an old STOP that is applied again
        # nor one that was delayed on its way may undo a later START.
        if new is not None and word in ("stop", "start") and not await receipts.has_newer_opt_reply(connection, new):
            await self._apply_opt_out(connection, reply.from_number, word)

    async def _apply_opt_out(self, connection: Connection, number: str, word: str | None) -> None:
        changed = False
        if word == "stop":
            reason = "the recipient replied STOP"
            changed = bool(await suppressions.add(connection, [number], source="reply", reason=reason))
        elif word == "start":
            changed = await suppressions.remove(connection, number)
        if changed:
            action = "suppress" if word == "stop" else "unsuppress"
            await actions.record(connection, actor="reply", action=action, reason=f"the recipient replied {word}")
