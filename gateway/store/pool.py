"""Connections to Postgres, with the time limits that every conversation needs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg

from gateway.store.json_values import loads
from gateway.store.search_path import SEARCH_PATH, SearchPathNotPinned, refuse_open_search_path

Record: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

STATEMENT_TIMEOUT = 40.0
LOCK_TIMEOUT = 10.0
IDLE_IN_TRANSACTION_TIMEOUT = 15.0
"""Seconds. A transaction of ours holds no lock across anything slower than a query, so these only ever end a hang."""

COMMAND_TIMEOUT = 35.0
"""Seconds. Bounds every call on our side too: of a server that froze or lost its network we hear nothing at all.

Shorter than the server's limit, and that matters: a COMMIT that waits for a synchronous standby and is cancelled by the
server's limit answers *yes*, with a warning that it was not replicated. What left on the strength of such a claim would
be unknown to the standby that takes over, and leave again. Cancelled from our side it is an error here, and nothing
leaves.
"""

CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0

UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # Shutting down, crashed, starting, cancelled by a time limit: the whole class 57.
    asyncpg.OperatorInterventionError,
    # No disk, no memory, no connection left (class 53); a file that cannot be written (58). Somebody makes room.
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    # This process stood still in the middle of a transaction.
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    TimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    # What asyncpg says when the server hangs up in the middle of its own protocol.
    asyncpg.InternalClientError,
    # A pooler lent a session that is not safe. An administrator can cure that while we wait.
    SearchPathNotPinned,
)
"""What a call raises while the database is away, starting, failing over, full, overloaded or in each other's way: worth
trying again."""

REJECTED = asyncpg.PostgresError
"""What Postgres raises for a statement that it will not take however often it is asked. Caught after `UNAVAILABLE`."""


async def prepare(connection: Any) -> None:
    """Check the search_path of a new session, then make JSON columns Python values (`gateway.store.json_values`).

    Raises `SearchPathNotPinned`.
    """
    await refuse_open_search_path(connection)
    await set_codecs(connection)


async def set_codecs(connection: Any) -> None:
    """Make JSON columns come and go as Python values."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=json.dumps, decoder=loads, schema="pg_catalog")


async def refuse_standby(connection: Any) -> None:
    """Raise `asyncpg.ReadOnlySQLTransactionError` for a session on a server that only follows another.

    In a failover a session may come to such a server, and it would stay there: each write fails, and nothing ends the
    session. The server says by itself what it is, at the start and when that changes, so asking costs no round trip.
    """
    if getattr(connection.get_settings(), "in_hot_standby", "off") == "on":
        raise asyncpg.ReadOnlySQLTransactionError("this server follows another one")


def server_settings(purpose: str) -> dict[str, str]:
    """Return what each session sets: who it is, the limits above in milliseconds, and where names are looked for."""
    return {
        "application_name": f"smsgw {purpose}",
        "statement_timeout": str(int(STATEMENT_TIMEOUT * 1000)),
        "lock_timeout": str(int(LOCK_TIMEOUT * 1000)),
        "idle_in_transaction_session_timeout": str(int(IDLE_IN_TRANSACTION_TIMEOUT * 1000)),
        "timezone": "UTC",
        "search_path": SEARCH_PATH,
    }


async def _as_it_is(connection: object) -> None:
    """Hand a connection on without a round trip.

    asyncpg's own way is a query at every release, RESET ALL and more, which was a fifth of all that a lone message
    asked of Postgres. Nothing of ours leaves anything behind in a pooled session: what must hold a lock, listen or
    change a setting has a session of its own (`connect`). A transaction that is still open is rolled back in any case.
    """


async def open_pool(
    dsn: str,
    *,
    purpose: str,
    min_size: int = 1,
    max_size: int = 8,
    pooler: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Pool:
    """Open a pool; connections beyond `min_size` are made when they are needed.

    Each connection that is handed out is asked whether it can write at all; one that cannot is closed. `settings` of
    the server are set for each session, beside those that every session has.

    `pooler` says that the address leads through one in transaction mode, such as PgBouncer. There a session of ours is
    lent a server's session for one transaction at a time, so no prepared statement outlives its use, nothing is reset
    when a connection comes back, and what a session would set at its start is not set: poolers refuse it, and the role
    has it instead (docs/high-availability.md). What the server says of itself is there the pooler's memory of another
    session, so nobody asks it.

    Raises one of `UNAVAILABLE` when the database cannot be reached.
    """
    sets = server_settings(purpose) | dict(settings or {})
    options: dict[str, Any] = {"setup": refuse_standby, "server_settings": sets}
    if pooler:
        options = {
            "statement_cache_size": 0,
            "server_settings": {"application_name": f"smsgw {purpose}"},
        }
    pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        command_timeout=COMMAND_TIMEOUT,
        timeout=CONNECT_TIMEOUT,
        max_inactive_connection_lifetime=300.0,
        init=prepare,
        reset=_as_it_is,
        **options,
    )
    assert pool is not None  # asyncpg types it optional for the case of a loop given as None  # noqa: S101
    return pool


async def close_pool(pool: Pool) -> None:
    """Close a pool, gently for a few seconds and then at once: a server that froze must not hold up the end."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def lazy_pool(
    dsn: str, *, purpose: str, max_size: int, pooler: bool = False, settings: Mapping[str, str] | None = None
) -> Pool:
    """Open a pool that makes its first connection when it is asked for one: the database may still be away.

    Raises `ValueError` for an address that is none.
    """
    return await open_pool(dsn, purpose=purpose, min_size=0, max_size=max_size, pooler=pooler, settings=settings)


async def connect(
    dsn: str, *, purpose: str, settings: Mapping[str, str] | None = None, writable: bool = False
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection outside any pool, for a session that is held: the doorbell, a migration, a command.

    `settings` of the server are set for the session, beside those that every session has. With `writable` a server
    that only follows another is refused: an advisory lock that is taken there means nothing.
    """
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT,
        command_timeout=COMMAND_TIMEOUT,
        server_settings=server_settings(purpose) | dict(settings or {}),
    )
    try:
        if writable:
            await refuse_standby(connection)
        await prepare(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection
