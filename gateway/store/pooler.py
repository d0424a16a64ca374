"""Connections that lead through a pooler in transaction mode, such as PgBouncer.

There a session of ours is lent a server's session for one transaction at a time. asyncpg prepares a statement and runs
it in two steps, so outside of a transaction the second step could meet another server session: one that does not know
the statement, or, worse, one on which somebody else has prepared another. So every statement gets a transaction of
its own where it is not in one already, and nothing is cached from one to the next.

What a session would set at its start (time limits, time zone) is not set here, because poolers refuse it; the role
has them instead, see docs/high-availability.md.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    Base = asyncpg.Connection[asyncpg.Record]
else:
    Base = asyncpg.Connection


class PooledConnection(Base):
    """A connection whose every statement runs inside a transaction."""

    @asynccontextmanager
    async def _pinned(self) -> AsyncIterator[None]:
        """Keep one server session for the length of the block.

        Killed or cancelled in here, the transaction is rolled back, and a single statement with it: the same as if it
        had not been sent.
        """
        if self.is_in_transaction():
            yield
        else:
            async with self.transaction():
                yield

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        """Run a statement and return its rows."""
        async with self._pinned():
            return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """Run a statement and return its first row."""
        async with self._pinned():
            return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """Run a statement and return a value of its first row."""
        async with self._pinned():
            return await super().fetchval(query, *args, **options)

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """Run a statement. One without arguments goes in a single step; the transaction's own are among them."""
        if not args:
            return await super().execute(query, **options)
        async with self._pinned():
            return await super().execute(query, *args, **options)

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        """Run a statement once for each of many sets of arguments."""
        async with self._pinned():
            await super().executemany(command, args, **options)


async def keep(connection: Any) -> None:
    """Leave a session as it is when it goes back to the pool.

    Nothing was set in it, and the next statement may meet another server session anyway. An open transaction was ended
    by asyncpg before.
    """
