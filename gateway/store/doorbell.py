"""The doorbell: how a sleeping gateway hears of a commit within a millisecond, at no cost while it is awake.

`sql/migrations/0004_pre_functions.sql` has the other half and the reason why an advisory lock is the signal. The proof
that no commit is missed: a transaction that inserts either finds that a gateway holds the lock, or waits for it, and
rings at its commit; or it holds the lock shared until its end. Then `arm` cannot succeed before that end, and the check
that the caller makes after `arm` sees its rows.

A transaction may stay open for minutes after its insert. The messages of others must not wait for it. So while `arm`
cannot succeed, a second session waits for the lock: later inserts find it in the lock's queue and ring. The session
that listens cannot wait there itself, since Postgres delivers a notification only between statements.

The lock and LISTEN belong to a session, so these connections are direct: never through a pooler in transaction mode.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any

import asyncpg
import structlog

from gateway.store.pool import UNAVAILABLE, connect
from gateway.store.sql import query

CHANNEL = "smsgw_outbox"
LOCK = (1936552807, 1)

QUEUE_SECONDS = 10.0
"""How long one wait in the queue takes at most. Then `arm` starts the next one.

A wait goes on when the gateway gets busy, and inserts ring for so long without need. It also holds back VACUUM a little
further than the transaction that it waits for. If the process dies, its wait ends by this limit."""

log = structlog.get_logger(__name__)


class ArmResult(StrEnum):
    """Who will hear the next commit."""

    ARMED = "armed"
    """This session: check once more, then sleep."""

    HELD_BY_PEER = "held_by_peer"
    """Another replica has the lock or waits for it, and inserts ring for every listener, this one included."""

    NOT_ARMED = "not_armed"
    """Transactions that will not ring are still open, or the session is gone. Poll; a later insert rings as soon as the
    second session waits."""


class _LockQueue:
    """The second session. While it waits for the lock, inserts ring."""

    def __init__(self, dsn: str, on_end: Callable[[], None]) -> None:
        self._dsn = dsn
        self._on_end = on_end
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._wait: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether a wait is under way, or about to start."""
        return self._wait is not None and not self._wait.done()

    def join(self) -> None:
        """Start a wait. `on_end` is called when the lock is free, and when the time is over."""
        self._wait = asyncio.create_task(self._wait_for_lock(), name="doorbell queue")

    async def close(self) -> None:
        """End the wait and the session."""
        if self._wait is not None:
            self._wait.cancel()
            await asyncio.wait([self._wait])
        await self._close_session()

    async def _wait_for_lock(self) -> None:
        try:
            if self._connection is None or self._connection.is_closed():
                limit = {"lock_timeout": str(int(QUEUE_SECONDS * 1000))}
                self._connection = await connect(self._dsn, purpose="doorbell queue", settings=limit, writable=True)
            await self._connection.execute(query("doorbell_wait"), timeout=QUEUE_SECONDS + 5.0)
        except UNAVAILABLE as error:
            # The sleeper is not woken: its polls try again, and the longer this lasts, the rarer they are.
            log.warning("doorbell_queue_unavailable", error=type(error).__name__)
            await self._close_session()
        else:
            self._on_end()

    async def _close_session(self) -> None:
        connection, self._connection = self._connection, None
        await _close(connection)


class Doorbell:
    """The session that listens and holds the lock, and the one that waits for it. Lost ones are replaced."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._rung = asyncio.Event()
        self._armed = False
        self._queue = _LockQueue(dsn, self._rung.set)

    @property
    def rung(self) -> asyncio.Event:
        """Set when somebody rang, and when `arm` may succeed that could not; the sleeper clears it."""
        return self._rung

    @property
    def armed(self) -> bool:
        """Whether this session holds the lock, so that inserts ring."""
        return self._armed

    async def arm(self) -> ArmResult:
        """Take the lock, so that every later insert rings, and say how far that came. Waits for no transaction."""
        if self._armed and self._connection is not None and not self._connection.is_closed():
            return ArmResult.ARMED
        try:
            connection = await self._session()
            if self._queue.waiting:
                return ArmResult.NOT_ARMED
            result = ArmResult(await connection.fetchval(query("doorbell_arm"), *LOCK, timeout=5.0))
        except UNAVAILABLE as error:
            log.warning("doorbell_unavailable", error=type(error).__name__)
            await self._close_session()
            return ArmResult.NOT_ARMED
        self._armed = result is ArmResult.ARMED
        if result is ArmResult.NOT_ARMED:
            self._queue.join()
        return result

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
            await self._close_session()

    async def disarm(self) -> None:
        """Let the lock go: from here on inserts do not ring, and the caller must look for work by itself.

        A wait in the queue goes on, so inserts may ring without need for `QUEUE_SECONDS`. To cancel the wait for each
        message would cost more, and a message that is inserted between two waits would not ring.
        """
        if not self._armed:
            return
        self._armed = False
        try:
            if self._connection is not None:
                await self._connection.execute("select pg_advisory_unlock($1, $2)", *LOCK, timeout=5.0)
        except UNAVAILABLE:
            # A session of unknown state may still hold the lock; ending it lets go for certain.
            await self._close_session()

    async def close(self) -> None:
        """End both sessions; the server lets the lock go with them."""
        await self._queue.close()
        await self._close_session()

    async def _close_session(self) -> None:
        connection, self._connection, self._armed = self._connection, None, False
        await _close(connection)

    async def _session(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = await connect(self._dsn, purpose="doorbell", writable=True)
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


async def _close(connection: "asyncpg.Connection[asyncpg.Record] | None") -> None:
    if connection is not None and not connection.is_closed():
        with suppress(*UNAVAILABLE):
            await connection.close(timeout=2.0)
