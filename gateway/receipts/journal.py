"""Group commit: many receipts in one INSERT, each answered after its own commit.

There is no timer. While one INSERT is being committed the next receipts gather, so a lone one waits for nobody, and a
flood costs one fsync for as many as came meanwhile.
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
"""Receipts that may wait at most; beyond, the provider is told to come again. Bounds memory at some megabytes."""

BUSY_FOR = 0.05
"""Seconds after a batch of several in which the fold leaves the database to the next one."""

log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """Too many receipts wait, or the database is away: the provider should try again."""


@dataclass(slots=True)
class _Waiting:
    receipt: Receipt
    done: "asyncio.Future[bool]"


class Journal:
    """Takes receipts and commits them in batches."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._busy_until = 0.0
        self._ended = False

    @property
    def busy(self) -> bool:
        """Whether receipts come faster than one by one: a batch of several was committed a moment ago."""
        return bool(self._waiting) or time.monotonic() < self._busy_until

    async def add(self, receipt: Receipt) -> bool:
        """Return after the receipt is committed: True if it is new, False if the same content came before.

        Raises `Overloaded` when it could not be committed. A caller that is cancelled loses nothing: the receipt is
        committed all the same, or the provider repeats it.
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
                    # Refused too: a database that takes no connections says so in many ways.
                    log.warning("journal_unavailable", receipts=len(self._waiting), error=type(error).__name__)
                    self._send_away()
        finally:
            self._ended = True
            self._send_away()

    async def _commit_waiting(self) -> None:
        """Commit batch after batch on one connection: giving it back between two would cost a round trip each time.

        Raises one of `UNAVAILABLE`; then the batch in hand has been told, and the rest still waits.
        """
        async with self._pool.acquire() as connection:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                try:
                    await self._commit(connection, batch)
                except BaseException:
                    # Cancelled too: nobody else knows of this batch any more.
                    for one in batch:
                        _fail(one, Overloaded())
                    raise

    async def _commit(self, connection: Connection, batch: list[_Waiting]) -> None:
        # The same content twice in one batch: both are answered by the one row.
        entries = {one.receipt.digest: one.receipt for one in batch}
        try:
            new = await receipts.journal(connection, list(entries.values()))
        except UNAVAILABLE:
            raise
        except REJECTED as error:
            # One receipt that Postgres will not take must not take its neighbours with it.
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

    def _send_away(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            _fail(one, Overloaded())


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
