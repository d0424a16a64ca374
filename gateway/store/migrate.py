"""Brings the schema up to date from the numbered files in `sql/migrations/`.

A file is named `NNNN_pre_….sql` or `NNNN_post_….sql`. Each file is one transaction.

* A *pre* file is applied while the previous release still runs, so it only adds: new types, tables, columns, indexes,
  functions, views, triggers, rows and privileges. It does not drop, rename, replace or alter anything, and revokes
  nothing but the default privilege of PUBLIC on new functions. A changed function gets a new name. A test reads the
  files for this rule.
* A *post* file removes what the previous release needed. It is applied after the last old process has stopped.

Until the first release, the schema is changed in these files themselves. A database that was migrated with earlier
versions of them is refused.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from gateway.store.pool import Connection, connect
from gateway.store.sql import query, sql_root

_LOCK = (1936552807, 2)
"""Advisory lock: one runner at a time. The first half is "smsg" in ASCII, as for the doorbell."""

SEARCH_PATH = "pg_catalog, pg_temp"
"""Of the session that creates the schema: it resolves the names in SQL-standard function bodies."""

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<phase>pre|post)_[a-z0-9_]+\.sql$")

LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a table lock gives up: all queries behind it in the lock queue wait too."""


class MigrationError(Exception):
    """The schema and the files do not match. The message says where, and what to do."""


class DevelopmentSchemaError(MigrationError):
    """The database was migrated with other versions of these files, and no upgrade from there exists."""


class Phase(StrEnum):
    """When a migration may be applied in a rolling deploy."""

    PRE = "pre"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    phase: Phase
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text with line ends normalised, so that a checkout on Windows gives the same."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all files in order.

    Raises `MigrationError` for a name that does not follow the rule or a number given twice.
    """
    found: dict[int, Migration] = {}
    for path in sorted((sql_root() / "migrations").glob("*.sql")):
        match = _FILE.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_pre_what.sql or NNNN_post_what.sql")
        number = int(match["number"])
        if number in found:
            raise MigrationError(f"{path.name}: number {number} is taken by {found[number].name}")
        found[number] = Migration(number, Phase(match["phase"]), path.stem, path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


async def migrate(dsn: str, *, target: int | None = None, phases: frozenset[Phase] = frozenset(Phase)) -> list[int]:
    """Apply what is missing, up to number `target` or all, and return the numbers applied now.

    Two runners at once are safe: the second waits and finds nothing to do. Raises `MigrationError` when the database
    has a migration that these files do not know (it was migrated by a newer release), or one whose file has changed.
    """
    connection = await connect(dsn, purpose="migrate", settings={"search_path": SEARCH_PATH})
    try:
        await connection.execute("select pg_advisory_lock($1, $2)", *_LOCK, timeout=600)
        await connection.execute(query("create_migration_table"))
        applied = {row["number"]: row for row in await connection.fetch("select * from smsgw.migration")}
        known = migrations()
        _refuse_foreign(known, applied)
        return [
            migration.number
            for migration in known
            if migration.number not in applied
            and migration.phase in phases
            and (target is None or migration.number <= target)
            and await _apply(connection, migration)
        ]
    finally:
        await connection.close()


def _refuse_foreign(known: list[Migration], applied: "dict[int, asyncpg.Record]") -> None:
    by_number = {migration.number: migration for migration in known}
    for number, row in sorted(applied.items()):
        file = by_number.get(number)
        if file is not None and (row["name"], row["checksum"]) != (file.name, file.checksum):
            raise DevelopmentSchemaError(
                f"this database was migrated with another version of {row['name']}, from before the first release, and "
                "cannot be upgraded: use an empty database"
            )
    for number, row in sorted(applied.items()):
        if number not in by_number:
            raise MigrationError(
                f"the database has migration {row['name']}, which this release does not know: it was migrated by a "
                "newer one. Run that release, or restore the database from before it"
            )


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("select set_config('lock_timeout', $1, true)", LOCK_TIMEOUT)
        await connection.execute("set local statement_timeout = 0")
        await connection.execute(migration.text)
        await connection.execute(
            "insert into smsgw.migration (number, name, checksum) values ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )
    return True


async def pending(connection: Connection) -> list[str]:
    """Return the names of *pre* migrations that the database lacks; empty means that this release can run on it.

    Raises `MigrationError` as `migrate` does.
    """
    if await connection.fetchval("select to_regclass('smsgw.migration')") is None:
        return [migration.name for migration in migrations() if migration.phase is Phase.PRE]
    applied = {row["number"]: row for row in await connection.fetch("select * from smsgw.migration")}
    known = migrations()
    _refuse_foreign(known, applied)
    return [m.name for m in known if m.phase is Phase.PRE and m.number not in applied]
