"""Layers import downward only, and each boundary has one package that crosses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gateway"

LAYERS = (
    {"cli"},
    {"bench"},
    {"app"},
    {"console", "metrics"},
    {"operations"},
    {"dispatch", "receipts", "maintenance"},
    {"provider", "simulator"},
    {"store", "embedded"},
    {"domain"},
    {"settings", "logs", "clock", "tasks"},
)
"""From the top down. Packages of one layer may import each other, except those of `APART`."""

APART = ({"dispatch", "receipts", "maintenance"}, {"provider", "simulator"})
"""Sets of packages of one layer that must not import each other."""
SIMULATOR_MAY = {"simulator"}


def rank(package: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if package in layer)


def _apart(package: str, target: str) -> bool:
    return package != target and any({package, target} <= group for group in APART)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def violations(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts == ("__init__",):
            continue
        package = parts[0]
        for name in imports(ast.parse(path.read_text())):
            target = name.split(".")[1] if name.startswith("gateway.") else ""
            if not target:
                continue
            if package == "simulator" and target not in SIMULATOR_MAY and parts != ("simulator", "__main__"):
                found.append(f"{'/'.join(parts)} imports {name}: the simulator stands alone")
            elif parts != ("simulator", "__main__") and (rank(target) < rank(package) or _apart(package, target)):
                found.append(f"{'/'.join(parts)} imports {name}: against the direction")
            elif package == "domain" and target != "domain":
                found.append(f"{'/'.join(parts)} imports {name}: the domain knows nobody")
    return found


def test_every_import_points_downward() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("store/x.py", "from gateway.dispatch import engine"),
        ("domain/x.py", "def f():\n    import gateway.settings"),
        ("simulator/x.py", "from gateway.domain.phone import normalise"),
        ("receipts/x.py", "from gateway.dispatch.engine import Engine"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, path: str, line: str) -> None:
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(line)
    assert len(violations(tmp_path)) == 1


SQL_CALLS = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "copy_records_to_table"}
SQL_WORDS = ("select ", "insert into", "update smsgw", "delete from")
SPEAKS_SQL = {"store", "bench"}
"""Benchmarks measure bare statements of their own; see sql/bench."""


def sql_outside_the_store(root: Path) -> list[str]:
    """Return each place outside the store that calls a connection or holds a statement."""
    found = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0] in SPEAKS_SQL:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SQL_CALLS:
                found.append(f"{name}:{node.lineno} calls {node.func.attr}()")
            elif isinstance(node, ast.ImportFrom) and node.module == "gateway.store.sql":
                found.append(f"{name}:{node.lineno} imports gateway.store.sql")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lower().lstrip()
                if text.startswith(SQL_WORDS) and "insert into smsgw.outbox" not in text:
                    found.append(f"{name}:{node.lineno} holds a statement")
    return found


def test_the_console_reaches_the_store_through_operations() -> None:
    for path in (ROOT / "console").rglob("*.py"):
        imported = {name for name in imports(ast.parse(path.read_text())) if name.startswith("gateway.store")}
        # Sessions and their errors; every question to the database goes through operations.
        assert imported <= {"gateway.store.pool", "gateway.store.search_path"}, path


def test_only_the_store_speaks_sql() -> None:
    assert sql_outside_the_store(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        'await connection.execute(f"delete {table}")',
        "rows = await connection.fetch(text)",
        "from gateway.store.sql import query",
        'TEXT = "\\n  Select 1"',
    ],
)
def test_sql_outside_the_store_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "x.py").write_text(f"async def f(connection, table, text):\n    {line}")
    assert len(sql_outside_the_store(tmp_path)) == 1
