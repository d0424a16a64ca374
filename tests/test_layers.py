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
    {"dispatch", "receipts"},
    {"provider", "simulator"},
    {"store", "embedded"},
    {"domain"},
    {"settings", "logs", "clock"},
)
"""From the top down. Who stands beside each other may import each other, but for the pairs of `APART`."""

APART = {("dispatch", "receipts"), ("receipts", "dispatch"), ("provider", "simulator"), ("simulator", "provider")}
SIMULATOR_MAY = {"simulator"}


def rank(package: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if package in layer)


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
            elif parts != ("simulator", "__main__") and (rank(target) < rank(package) or (package, target) in APART):
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


def test_only_the_store_speaks_sql() -> None:
    words = ("select ", "insert into", "update smsgw", "delete from")
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] == "store":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lower()
                spoken = [word for word in words if text.startswith(word)]
                assert not spoken or text == "select true" or "insert into smsgw.outbox" in text, path
