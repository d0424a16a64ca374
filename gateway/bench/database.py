"""The benchmark's own Postgres, its databases, and the cost of a run in them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg

from gateway.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate
from gateway.store.pool import connect
from gateway.store.sql import sql_root

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "track_io_timing": "off",
}
"""Durable as in production. No checkpoint happens during a run: the first change of a page after one writes the
whole page into the WAL, which would hide the cost of a message in a run of seconds."""

FLUSH = 1.2
"""Seconds after which an idle session has reported its counts to the server's statistics."""


def sql(name: str) -> str:
    """Return the text of `sql/bench/<name>.sql`."""
    return (sql_root() / "bench" / f"{name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Cost:
    """What the database did: the difference of two readings."""

    commits: int
    wal: int
    """Bytes."""
    inserts: int
    updates: int
    hot: int
    """Of the updates, those that touched no index."""
    deletes: int
    dead: int
    """Dead tuples at the second reading; not a difference."""

    def since(self, before: "Cost") -> "Cost":
        """Return the difference to an earlier reading."""
        mine, theirs = asdict(self), asdict(before)
        return Cost(**{name: value - theirs[name] for name, value in mine.items() if name != "dead"}, dead=self.dead)

    def per(self, messages: int) -> dict[str, float]:
        """Return the cost of one message."""
        count = max(messages, 1)
        return {
            "commits": round(self.commits / count, 4),
            "wal_bytes": round(self.wal / count, 1),
            "inserts": round(self.inserts / count, 3),
            "updates": round(self.updates / count, 3),
            "hot_share": round(self.hot / self.updates, 3) if self.updates else 0.0,
            "deletes": round(self.deletes / count, 3),
            "dead_tuples": round(self.dead / count, 3),
        }


class Database:
    """One database, and a connection of its owner that no benchmark measures."""

    def __init__(self, dsn: str, connection: "asyncpg.Connection[asyncpg.Record]", *, statements: bool = True) -> None:
        self.dsn = dsn
        self._statements = statements
        self.connection = connection

    async def run(self, name: str, *values: Any) -> str:
        """Execute a statement of `sql/bench`, however long it takes."""
        return await self.connection.execute(sql(name), *values, timeout=3600.0)

    async def value(self, name: str, *values: Any) -> Any:
        """Return the single value of a statement of `sql/bench`."""
        return await self.connection.fetchval(sql(name), *values, timeout=3600.0)

    async def row(self, name: str, *values: Any) -> dict[str, Any]:
        """Return the first row of a statement of `sql/bench`."""
        row = await self.connection.fetchrow(sql(name), *values, timeout=3600.0)
        return dict(row) if row is not None else {}

    async def forget_statements(self) -> None:
        """Restart the count of statements."""
        if self._statements:
            await self.run("queries_reset")

    async def statements(self) -> int:
        """Return the number of statements since then; 0 without pg_stat_statements."""
        return int(await self.value("queries")) if self._statements else 0

    async def cost(self) -> Cost:
        """Read what was done until now, by sessions that have ended or were idle for a second."""
        await asyncio.sleep(FLUSH)
        return Cost(**await self.row("cost"))

    async def settle(self) -> None:
        """Vacuum and analyse the tables, as in a database that has run for long."""
        await self.run("vacuum")


class Databases:
    """A Postgres for the run."""

    def __init__(self, dsn: str, version: str, *, statements: bool = True) -> None:
        """`statements`: the server has pg_stat_statements loaded. Without it no statements are counted."""
        self._dsn = dsn
        self._statements = statements
        self.version = version
        self._made = 0

    @asynccontextmanager
    async def fresh(self, *, migrated: bool = True) -> AsyncIterator[Database]:
        """Create a database, by default with our schema, and drop it at the end."""
        self._made += 1
        name = f"bench_{os.getpid()}_{self._made}"
        admin = await connect(self._dsn, purpose="bench", settings={"statement_timeout": "0"})
        try:
            await admin.execute(f"create database {name}")
            dsn = f"{self._dsn.rpartition('/')[0]}/{name}"
            if migrated:
                await migrate(dsn)
            connection = await connect(dsn, purpose="bench", settings={"statement_timeout": "0"})
            if self._statements:
                await connection.execute(sql("extension"))
            try:
                yield Database(dsn, connection, statements=self._statements)
            finally:
                await connection.close()
        finally:
            await admin.execute(f"drop database if exists {name} with (force)")
            await admin.close()


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[Databases]:
    """Run a Postgres until the context ends."""
    postgres = EmbeddedPostgres(folder / "state", database="bench", settings=SETTINGS)
    cluster = await asyncio.to_thread(postgres.start)
    try:
        yield Databases(cluster.dsn, cluster.version)
    finally:
        await asyncio.to_thread(postgres.stop)
