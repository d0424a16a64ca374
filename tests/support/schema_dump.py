"""The schema as the migrations make it, as text: `sql/schema.sql`.

`make schema` runs this module and writes the file. `tests/store/test_schema_dump.py` compares the file with a migrated
database.
"""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.embedded import EmbeddedPostgres
from gateway.embedded.binaries import find_binaries
from gateway.store.migrate import migrate

FILE = Path(__file__).parents[2] / "sql" / "schema.sql"
HEAD = """\
-- The whole schema, as the files in sql/migrations make it. It is here to be read; nothing executes it.
--
-- pg_dump writes it; do not edit it. After a change of a migration, run `make schema`; a test fails until then. The
-- migrations have the comments, and also the rows of smsgw.lane and the roles, which belong to the whole cluster.
"""
SECTIONS = {"SCHEMA": "Schema", "TYPE": "Types", "TABLE": "Tables", "VIEW": "Views", "FUNCTION": "Functions"}

_CREATED = re.compile(rf"CREATE (?:UNLOGGED )?({'|'.join(SECTIONS)}) (smsgw[.\w]*)")
_OWNER = re.compile(r"\bsmsgw\b(?:\.\w+)?")
_SEQUENCE = re.compile(r"SEQUENCE NAME (smsgw\.\w+)")
_SETTINGS = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
"""How the lines of a dump begin that are no part of the schema. Versions of pg_dump differ in them."""


class NoDumpError(Exception):
    """`pg_dump` cannot dump this server; the message says what is missing."""


def dump(dsn: str) -> list[str]:
    """Return the statements that make the schema of a database.

    Raises `NoDumpError` if there is no `pg_dump`, or only one that is older than the server.
    """
    binaries = find_binaries()
    beside_server = None if binaries is None else shutil.which("pg_dump", path=str(binaries.bin))
    program = beside_server or shutil.which("pg_dump")
    if program is None:
        raise NoDumpError("pg_dump is not installed")
    address = urlsplit(dsn)
    # In the environment, because every user of the machine may read a command line.
    environment = os.environ | {
        "PGHOST": address.hostname or "",
        "PGPORT": str(address.port or 5432),
        "PGUSER": unquote(address.username or ""),
        "PGPASSWORD": unquote(address.password or ""),
        "PGDATABASE": address.path.removeprefix("/"),
    }
    command = [program, "--schema-only", "--no-owner", "--schema=smsgw"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "server version mismatch" in done.stderr:
        raise NoDumpError("pg_dump is older than the server")
    if done.returncode != 0:
        raise RuntimeError(f"pg_dump failed: {done.stderr.strip()}")
    return list(statements(done.stdout))


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a dump, or of our file, without what stands between them."""
    lines: list[str] = []
    quoted = atomic = False
    for line in text.splitlines():
        if not lines and (not line.strip() or line.startswith(_SETTINGS)):
            continue
        lines.append(line)
        quoted ^= len(re.findall(r"\$\w*\$", line)) % 2 == 1
        atomic = not quoted and (atomic or line.strip() == "BEGIN ATOMIC") and line != "END;"
        if line.endswith(";") and not quoted and not atomic:
            yield "\n".join(lines)
            lines = []


def comparable(statement: str) -> str:
    """Return a statement in a form that is the same on every version of Postgres.

    Since 16, a view over one table names its columns without the alias of the table.
    """
    if statement.startswith("CREATE VIEW"):
        statement = re.sub(r"\b(?!smsgw\b)[a-z_]+\.(?=[a-z_])", "", statement)
    return " ".join(statement.split())


def render(found: Iterable[str]) -> str:
    """Return the text of the file: each object with its constraints, indexes, triggers and privileges."""
    found = list(found)
    kinds = {match[2]: match[1] for one in found if (match := _CREATED.match(one))}
    tables = {match[1]: _owner(one, {}) for one in found if (match := _SEQUENCE.search(one))}
    order = list(SECTIONS)

    def place(one: str) -> tuple[int, str, bool]:
        owner = _owner(one, tables)
        return order.index(kinds[owner]), owner, _is_privilege(one)

    text, section = HEAD, -1
    for (number, _, short), group in groupby(sorted(found, key=place), key=place):
        if number != section:
            text, section = f"{text}\n\n-- {SECTIONS[order[number]]}\n", number
        text += "\n" + ("\n" if short else "\n\n").join(group) + "\n"
    return text


def _owner(statement: str, tables: dict[str, str]) -> str:
    """Return the object that a statement belongs to: the first one that it names. A sequence belongs to its table."""
    match = _OWNER.search(statement)
    assert match is not None, statement
    return tables.get(match[0], match[0])


def _is_privilege(statement: str) -> bool:
    return statement.startswith(("GRANT", "REVOKE"))


def main() -> None:
    """Migrate a new database and write its schema."""
    with tempfile.TemporaryDirectory(prefix="smsgw-schema-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder), durable=False)
        try:
            cluster = server.start()
            asyncio.run(migrate(cluster.dsn))
            FILE.write_text(render(dump(cluster.dsn)), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
