"""A statement is a file of sql/ or a constant: what came from outside can only ever be a parameter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.sql import query

ROOT = Path(__file__).parent.parent.parent

SPEAKING = {
    "execute", "executemany", "fetch", "fetchval", "fetchrow", "fetchmany", "prepare", "cursor", "copy_from_query",
    "copy_from_table", "copy_to_table", "copy_records_to_table",
}  # fmt: skip
"""Methods of asyncpg whose first argument is SQL or becomes a part of it."""

ALLOWED = {
    ("gateway/console/sse.py", "request"): "aiohttp's `response.prepare(request)`, which is no statement",
    (
        "gateway/store/health.py",
        "f\"explain (format json) {query('lock_waiting_messages')}\"",
    ): "a file of sql/queries, explained",
    ("gateway/store/searches.py", "_ids_only()"): "a file of sql/queries as a subquery, and nothing that was given",
    ("gateway/store/migrate.py", "migration.text"): "the text of a file of sql/migrations, compared by its checksum",
    ("gateway/store/pool.py", "connection"): "our own `prepare(connection)`, which sets codecs and takes no SQL",
}

DYNAMIC = {
    ("0005_pre_roles.sql", "execute format('create role %I nologin', role_name)"): "four names of the loop above it",
}


def modules() -> list[Path]:
    """All of ours but the benchmark, which drives databases that it made itself, by hand."""
    return [path for path in sorted((ROOT / "gateway").rglob("*.py")) if "bench" not in path.parts]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPEAKING:
            yield node


def is_constant(node: ast.expr) -> bool:
    """A literal, or `query(…)`, which gives the text of a file whatever it is asked for."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "query"
        and len(node.args) == 1
        and not node.keywords
    )


def loose(path: Path, root: Path) -> list[str]:
    """Return the statements of a module that are made up on the way."""
    name, found = str(path.relative_to(root)), []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for call in calls(tree):
        first = call.args[0] if call.args else None
        given = ast.unparse(first) if first is not None else "nothing"
        if first is None or not (is_constant(first) or (name, given) in ALLOWED):
            found.append(f"{name}:{call.lineno}: {given}")
    # `query` must be the one of gateway.store.sql, under no other name and with nothing in its place.
    imported = "gateway.store.sql" in {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "gateway.store.sql":
            found += [f"{name}: query as {alias.asname}" for alias in node.names if alias.asname]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "query":
            found += [] if name == "gateway/store/sql.py" else [f"{name}:{node.lineno}: a query of its own"]
        if isinstance(node, ast.Name) and node.id == "query" and isinstance(node.ctx, ast.Store) and imported:
            found.append(f"{name}:{node.lineno}: query is something else here")
    return found


def test_no_statement_is_put_together() -> None:
    assert [one for path in modules() for one in loose(path, ROOT)] == []


def test_every_query_that_is_named_is_a_file_and_every_file_is_named() -> None:
    files = {path.stem for path in (ROOT / "sql" / "queries").rglob("*.sql")}
    named, said = set(), set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant):
                said.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "query":
                named |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    assert named - files == set()
    assert files - said == set()


@pytest.mark.parametrize("name", ["../migrations/0001_pre_messages", "a b", "", "read.sql", "/etc/passwd", "fold\0"])
def test_only_a_plain_name_is_a_query(name: str) -> None:
    with pytest.raises(ValueError, match="a query is named by"):
        query(name)


@pytest.mark.parametrize(
    "line",
    [
        "await connection.fetch(f'select {x}')",
        "await connection.execute('select ' + x)",
        "await connection.fetchval('select %s' % x)",
        "await connection.fetchrow('select {}'.format(x))",
        "await pool.executemany(text, [])",
        "await connection.fetch(other(name))",
        "await connection.fetch(query('a') + x)",
        "await connection.fetch(query=x)",
        "await connection.copy_from_query(x)",
    ],
)
def test_one_that_is_put_together_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.py").write_text(f"async def f(connection, pool, x, text, name):\n    {line}\n")
    assert len(loose(tmp_path / "x.py", tmp_path)) == 1


def test_no_function_of_the_database_puts_statements_together() -> None:
    # `execute function` belongs to triggers, `grant execute on` to privileges.
    dynamic = re.compile(r"\bexecute\b(?!\s+(?:function|procedure|on)\b)[^;]*", re.IGNORECASE)
    found = {
        (path.name, match[0].strip())
        for path in (ROOT / "sql").rglob("*.sql")
        for match in dynamic.finditer(re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8")))
    }
    assert found == set(DYNAMIC)
