"""Work for one replica at a time: an advisory lock on its own session.

The lock belongs to the session, so it is gone the moment the process dies, and seconds after its host does. The
session is direct, never through a pooler in transaction mode.
"""

from contextlib import suppress

import asyncpg
import structlog

from gateway.store.pool import UNAVAILABLE, connect

NAMESPACE = 1936552807
RECONCILE = 3
"""The second halves of the lock's key; 1 and 2 are the doorbell's and the migrations'."""

FEED = 4

KEEPALIVES = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
"""How soon Postgres ends a session whose host is gone."""

log = structlog.get_logger(__name__)


class Leadership:
    """The lock for one kind of work."""

    def __init__(self, dsn: str, key: int) -> None:
        self._dsn = dsn
        self._key = key
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._held = False

    async def held(self) -> bool:
        """Whether this process holds the lock now. Checks the session, and tries to take the lock if it does not.

        The work must be harmless if a second process begins it when the session breaks, as reading a list and
        journalling it is.
        """
        try:
            connection = await self._session()
            if self._held:
                await connection.fetchval("select 1", timeout=5.0)
            else:
                self._held = bool(
                    await connection.fetchval("select pg_try_advisory_lock($1, $2)", NAMESPACE, self._key, timeout=5.0)
                )
        except UNAVAILABLE as error:
            log.debug("leadership_unknown", error=type(error).__name__)
            await self.close()
        return self._held

    async def close(self) -> None:
        """Release the lock."""
        self._held = False
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*UNAVAILABLE):
                await connection.close(timeout=2.0)

    async def _session(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._held = False
            self._connection = await connect(self._dsn, purpose="leader", settings=KEEPALIVES, writable=True)
        return self._connection
