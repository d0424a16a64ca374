"""The doorbell: how a sleeping gateway hears of a commit within a millisecond, at no cost while it is awake.

`sql/migrations/0004_pre_functions.sql` has the other half and the reason why an advisory lock is the signal. The proof
that no commit is missed: a transaction either found the lock held and rings at its commit, or holds it shared until
its end, and then `arm` can't succeed before that end, and the check that the caller makes after `arm` sees its rows.

The lock and LISTEN belong to a session, so this connection is direct: never through a pooler in transaction mode.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Any

import asyncpg
import structlog

from gateway.store.pool import UNAVAILABLE, connect
from gateway.store.sql import query

CHANNEL = "smsgw_outbox"
LOCK = (1936552807, 1)

ARM_WAIT = "50ms"
"""How long one try waits for inserting transactions to end. Whoever inserts meanwhile finds us in the queue and rings,
but Postgres hands a notification over only after the statement, so this bounds what the waiting can cost."""

log = structlog.get_logger(__name__)


class ArmResult(StrEnum):
    """Who will hear the next commit."""

    ARMED = "armed"
    """This session: check once more, then sleep."""

    HELD_BY_PEER = "kept"
    """Another replica has the lock, and inserts ring for every listener, this one included."""

    NOT_ARMED = "open"
    """Nobody yet: transactions that did not ring are still open, or the session is gone. Poll."""


class Doorbell:
    """One listening session; reconnects by itself when it is lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._rung = asyncio.Event()
        self._armed = False

    @property
    def rung(self) -> asyncio.Event:
        """Set when somebody rang; the sleeper clears it."""
        return self._rung

    @property
    def armed(self) -> bool:
        """Whether this session holds the lock, so that inserts ring."""
        return self._armed

    async def arm(self) -> ArmResult:
        """Take the lock, so that every later insert rings, and say how far that came."""
        if self._armed and self._connection is not None and not self._connection.is_closed():
            return ArmResult.ARMED
        try:
            connection = await self._session()
            # Asked first, so that a replica beside the one that keeps it does not wait for it once a second, with an
            # error in the server's log each time.
            if await connection.fetchval(query("doorbell_kept"), *LOCK, timeout=5.0):
                return ArmResult.HELD_BY_PEER
            try:
                await connection.execute("select pg_advisory_lock($1, $2)", *LOCK, timeout=5.0)
            except asyncpg.LockNotAvailableError:
                kept = await connection.fetchval(query("doorbell_kept"), *LOCK, timeout=5.0)
                return ArmResult.HELD_BY_PEER if kept else ArmResult.NOT_ARMED
        except UNAVAILABLE as error:
            log.warning("doorbell_unavailable", error=type(error).__name__)
            await self.close()
            return ArmResult.NOT_ARMED
        self._armed = True
        return ArmResult.ARMED

    async def probe(self) -> None:
        """Prove that the session still lives; one that does not answer is closed, so that `arm` makes a new one.

        A connection cut by a firewall stays silent for ever, and so would its bell.
        """
        if self._connection is None:
            return
        try:
            await self._connection.fetchval("select 1", timeout=5.0)
        except UNAVAILABLE as error:
            log.warning("doorbell_lost", error=type(error).__name__)
            await self.close()

    async def disarm(self) -> None:
        """Let the lock go: from here on inserts do not ring, and the caller must look for work by itself."""
        if not self._armed:
            return
        self._armed = False
        try:
            if self._connection is not None:
                await self._connection.execute("select pg_advisory_unlock($1, $2)", *LOCK, timeout=5.0)
        except UNAVAILABLE:
            # A session of unknown state may still hold the lock; ending it lets go for certain.
            await self.close()

    async def close(self) -> None:
        """End the session; the server lets the lock go with it."""
        connection, self._connection, self._armed = self._connection, None, False
        if connection is not None and not connection.is_closed():
            with suppress(*UNAVAILABLE):
                await connection.close(timeout=2.0)

    async def _session(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = await connect(self._dsn, purpose="doorbell", writable=True)
        await connection.execute("select set_config('lock_timeout', $1, false)", ARM_WAIT)
        connection.add_termination_listener(self._lost)
        await connection.add_listener(CHANNEL, self._ring)
        self._connection = connection
        return connection

    def _ring(self, *_: Any) -> None:
        self._rung.set()

    def _lost(self, *_: Any) -> None:
        self._armed = False
        # Whatever was rung while the session died is lost: have the sleeper look.
        self._rung.set()
