"""Every relation, function and type of ours is written with its schema, so no search_path decides what it means."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.bench.database import sql as bench_sql
from gateway.store.pool import connect
from gateway.store.sql import query

ROOT = Path(__file__).parents[2]
SCRIPTS = {"create_migration_table"}
"""Queries of more than one statement. They run in every migration."""

UNPREPARABLE = {"analyze", "vacuum", "bare_table", "extension"}
"""Of the benchmark: commands, which name no object of ours, and what makes the objects that the others name."""

RELATION = re.compile(r"\b(?:from|join|into|update|only|references|truncate)\s+(?:table\s+)?(\w+)\b(?!\.)")
FUNCTION = re.compile(r"(?<![.\w])(\w+)\s*\(")
TYPE = re.compile(
    r"(?:::|\breturns\s+(?:setof\s+)?|\bcast\s*\(.*\sas\s+)(\w+)\b(?!\.)|^\s+\w+\s+(\w+)(?:\[\])?;", re.MULTILINE
)
DEFINED_HERE = re.compile(r"\b(\w+)\b\s*(?:\([^()]*\))?\s+as\s+(?:not\s+)?(?:materialized\s*)?\(")


@dataclass(frozen=True, slots=True)
class Names:
    """What the schema has."""

    relations: frozenset[str]
    functions: frozenset[str]
    types: frozenset[str]


@pytest.fixture
async def names(connection: Any) -> Names:
    """The names of ours, from the catalogue."""
    relations = await connection.fetch(
        "select relname from pg_class where relnamespace = 'smsgw'::regnamespace and relkind in ('r', 'p', 'v', 'S')"
    )
    functions = await connection.fetch("select proname from pg_proc where pronamespace = 'smsgw'::regnamespace")
    types = await connection.fetch(
        "select typname from pg_type as t left join pg_class as c on c.oid = t.typrelid "
        "where t.typnamespace = 'smsgw'::regnamespace and (t.typtype in ('e', 'd') or c.relkind = 'c')"
    )
    return Names(*(frozenset(row[0] for row in rows) for rows in (relations, functions, types)))


def bare(text: str) -> str:
    """Return a statement without comments and texts; the bodies of functions stay."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", text)).lower()


def unqualified(text: str, names: Names) -> list[str]:
    """Return the names of ours that a statement uses without their schema."""
    text = bare(text)
    here = set(DEFINED_HERE.findall(text))
    found = [name for name in RELATION.findall(text) if name in names.relations - here]
    found += [name for name in FUNCTION.findall(text) if name in names.functions]
    found += [name for pair in TYPE.findall(text) for name in pair if name in names.types]
    return found


def statements() -> Iterator[tuple[str, str]]:
    """Yield every SQL text: the files, and the constants of the package that are handed to asyncpg."""
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                value = node.args[0].value
                if isinstance(value, str) and re.match(r"(select|insert|update|delete|with|set|listen)\b", value):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", value


def test_every_name_of_ours_has_its_schema(names: Names) -> None:
    assert len(names.relations) > 15
    assert len(names.functions) > 5
    assert len(names.types) >= 3
    assert {where: found for where, text in statements() if (found := unqualified(text, names))} == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("select * from outbox as o", "outbox"),
        ("select 1 from smsgw.lane join request on true", "request"),
        ("update outbox set x = 1", "outbox"),
        ("insert into lane (name) values (1)", "lane"),
        ("begin\n delete from attempt where true; end", "attempt"),
        ("select enqueue(to_number => 'x')", "enqueue"),
        ("select smsgw.has_tag(message_state (x), 'enqueue()')", "message_state"),
        ("declare\n    found_type {enum};\nbegin", "{enum}"),
        ("select 'x'::{enum}", "{enum}"),
        ("select $1::{enum}[]", "{enum}"),
        ("select cast($1 as {enum})", "{enum}"),
    ],
)
def test_a_name_without_a_schema_is_found(names: Names, text: str, name: str) -> None:
    enum = min(names.types)
    assert unqualified(text.format(enum=enum), names) == [name.format(enum=enum)]


@pytest.mark.parametrize(
    "text",
    [
        "select * from smsgw.outbox as request -- from outbox",
        "with lane as (select 1) select * from lane",
        "select 'from outbox', smsgw.enqueue(), 'x'::smsgw.{enum}, 1::text",
        "insert into smsgw.lane (name) values (1) on conflict (name) do update set name = excluded.name",
    ],
)
def test_a_name_with_its_schema_is_not(names: Names, text: str) -> None:
    assert unqualified(text.format(enum=min(names.types)), names) == []


async def test_every_query_finds_what_it_names_where_only_postgres_own_schema_is_searched(database: Any) -> None:
    session = await connect(database.dsn, purpose="test")
    try:
        for path in sorted((ROOT / "sql" / "queries").rglob("*.sql")):
            if path.stem not in SCRIPTS:
                await session.prepare(query(path.stem))
        await session.execute(bench_sql("bare_table"))
        await session.execute(bench_sql("extension"))
        for path in sorted((ROOT / "sql" / "bench").glob("*.sql")):
            if path.stem not in UNPREPARABLE:
                await session.prepare(bench_sql(path.stem))
    finally:
        await session.close()
