"""Rows of the database are read by the names of their columns: a new column in a query must not move the others."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.store.records import from_row

ROOT = Path(__file__).parent.parent.parent


def by_position(source: str) -> list[int]:
    """Return the lines that spread a row, or a mapping's values, into a call, or read a row's column by its number."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found += [one.lineno for one in node.args if isinstance(one, ast.Starred) and _is_row(one.value)]
        if isinstance(node, ast.Subscript) and _is_row(node.value) and isinstance(node.slice, ast.Constant):
            found += [node.lineno] if isinstance(node.slice.value, int) else []
    return found


def _is_row(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "values"
    return isinstance(node, ast.Name) and node.id == "row"


def test_no_row_is_read_by_position() -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "gateway").rglob("*.py")}
    found = {name: by_position(path.read_text(encoding="utf-8")) for name, path in files.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("line", ["Lane(*row.values())", "Lane(*row)", "Lane(1, *one.values())", "f(row[0])"])
def test_a_row_that_is_read_by_position_is_found(line: str) -> None:
    assert by_position(line) == [1]


@pytest.mark.parametrize("line", ["from_row(Lane, row)", "Lane(**row)", "row['name']", "max(*sizes)", "row.values()"])
def test_other_calls_are_not(line: str) -> None:
    assert by_position(line) == []


@dataclass(frozen=True, slots=True)
class Pair:
    """Two fields, one with a default."""

    left: int
    right: int = 0


async def test_columns_are_matched_by_name_whatever_their_order(connection: Any) -> None:
    row = await connection.fetchrow("select 2 as right, 1 as left")
    assert from_row(Pair, row) == Pair(left=1, right=2)


@pytest.mark.parametrize("columns", ["1 as left, 2 as other", "2 as right"])
async def test_a_column_without_a_field_and_a_field_without_a_column_are_errors(connection: Any, columns: str) -> None:
    row = await connection.fetchrow(f"select {columns}")
    with pytest.raises(TypeError):
        from_row(Pair, row)
