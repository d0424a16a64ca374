"""Everything that is one provider's own stays in that provider's package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gateway"

MAY_IMPORT = {"provider/registry.py", "app", "bench", "provider/mta"}
"""The registry and the composition root; benchmarks play the provider."""

MAY_NAME = MAY_IMPORT | {"settings", "settings.py", "simulator", "cli/up.py"}
"""Settings carry the provider's name, as does the help of `smsgw up`; the simulator plays it and imports nothing."""

FORBIDDEN = re.compile(
    r"(?i:\bmta\b|_mta\b|mta_|mobile.?text.?alerts)|"
    r"\b(?:externalId|toNumber|fromNumber|destinationNumber|messageId|outboundIds|totalSent|longcodeId|subscriberIds)\b|"
    r"(?i:X-Signature|X-Request-Id)"
)

STATUS_CODES = {402, 408, 409, 413, 422, 429}
"""Numbers that mean something of the provider's answers; the gateway's own HTTP answers may use them."""

OWN_HTTP = {"console", "receipts/listener.py", "app", "simulator", "bench", "provider/mta"}


def within(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def problems(root: Path) -> Iterator[str]:
    """Yield each place outside the provider's package that imports it, names it or knows its codes."""
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            problem = problem_of(node, name)
            if problem is not None:
                yield f"{name}:{node.lineno} {problem}"  # type: ignore[attr-defined]


def problem_of(node: ast.AST, name: str) -> str | None:
    if isinstance(node, ast.ImportFrom | ast.Import):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        imported = any(module.startswith("gateway.provider.mta") for module in modules)
        return "imports the provider's package" if imported and not within(name, MAY_IMPORT) else None
    text = spoken(node)
    if text is not None and FORBIDDEN.search(text) and not within(name, MAY_NAME):
        return "names the provider or its fields"
    is_status = isinstance(node, ast.Constant) and type(node.value) is int and node.value in STATUS_CODES
    return "knows a status of the provider" if is_status and not within(name, OWN_HTTP) else None


def spoken(node: ast.AST) -> str | None:
    """Return the text or the name in a node."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
            return text
        case _:
            return None


def test_only_the_providers_package_knows_the_provider() -> None:
    assert list(problems(ROOT)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("dispatch/x.py", "from gateway.provider.mta.client import MobileTextAlerts"),
        ("receipts/x.py", "def f():\n    import gateway.provider.mta.signature"),
        ("operations/x.py", 'TEXT = "then: smsgw resume route mta"'),
        ("cli/x.py", "key = settings.mta_api_key"),
        ("receipts/x.py", 'number = fields["toNumber"]'),
        ("dispatch/x.py", "blocked = answer.status == 402"),
    ],
)
def test_knowledge_outside_is_found(tmp_path: Path, path: str, line: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(line)
    assert len(list(problems(tmp_path))) == 1
