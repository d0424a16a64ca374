"""Group commit: many receipts in one INSERT, each answered after its own commit.

There is no timer. While one INSERT is being committed, the next receipts gather. So a single receipt does not wait, and
in a flood one fsync serves all receipts that arrived during the last commit.
"""

import asyncio
import time
from dataclasses import dataclass

import structlog

from gateway.domain.receipt import Receipt
from gateway.store import receipts
from gateway.store.pool import REJECTED, UNAVAILABLE, Connection, Pool

BATCH = 500
BACKLOG = 5000
"""Receipts that may wait. Any more are answered with "try again", which bounds memory at some megabytes."""

BUSY_FOR = 0.05
"""Seconds after a batch of several receipts during which the applier leaves the database to the journal."""

log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """Too many receipts wait, or the database is unavailable: the provider should try again."""


@dataclass(slots=True)
class _Waiting:
    receipt: Receipt
    done: "asyncio.Future[bool]"


class Journal:
    """Commits receipts in batches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._busy_until = 0.0
        self._ended = False

    @property
    def busy(self) -> bool:
        """Whether receipts arrive faster than one by one: a batch of several was committed just now."""
        return bool(self._waiting) or time.monotonic() < self._busy_until

    async def add(self, receipt: Receipt) -> bool:
        """Return after the receipt is committed: True if it is new, False if the same content came before.

        Raises `Overloaded` when it could not be committed. If the caller is cancelled, nothing is lost: either the
        receipt is committed, or the provider repeats it.
        """
        if self._ended or len(self._waiting) >= BACKLOG:
            raise Overloaded
        waiting = _Waiting(receipt, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.done

    async def run(self) -> None:
        """Commit until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    await self._commit_waiting()
                except (*UNAVAILABLE, REJECTED) as error:
                    # REJECTED too: a database that accepts no connections reports it in many ways.
                    log.warning("journal_unavailable", receipts=len(self._waiting), error=type(error).__name__)
                    self._fail_waiting()
        finally:
            self._ended = True
            self._fail_waiting()

    async def _commit_waiting(self) -> None:
        """Commit batch after batch on one connection: releasing it between two would cost a round trip each time.

        Raises one of `UNAVAILABLE`; then the callers of the current batch have been answered, and the rest still waits.
        """
        async with self._pool.acquire() as connection:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                try:
                    await self._commit(connection, batch)
                except BaseException:
                    # On cancellation too: no other code knows of this batch any more.
                    for one in batch:
                        _fail(one, Overloaded())
                    raise

    async def _commit(self, connection: Connection, batch: list[_Waiting]) -> None:
        # The same content twice in one batch: both are answered by the one row.
        distinct = {one.receipt.digest: one.receipt for one in batch}
        try:
            new = await receipts.journal(connection, list(distinct.values()))
        except UNAVAILABLE:
            raise
        except REJECTED as error:
            # A receipt that Postgres refuses must not fail the others of its batch.
            if len(batch) == 1:
                log.error("receipt_not_stored", error=type(error).__name__)
                _fail(batch[0], Overloaded())
                return
            for one in batch:
                await self._commit(connection, [one])
            return
        if len(batch) > 1:
            self._busy_until = time.monotonic() + BUSY_FOR
        for one in batch:
            if not one.done.done():
                one.done.set_result(one.receipt.digest in new)
                new.discard(one.receipt.digest)

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            _fail(one, Overloaded())


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
