"""One dictionary: every code that the gateway writes is in it, and docs/errors.md says the same."""

import ast
import re
from pathlib import Path

import pytest

from gateway.domain.reasons import ReasonCode
from gateway.operations.reasons import GROUPS, explain, explain_status
from gateway.provider.mta import reasons

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"^([a-z][a-z_0-9]+): \S")

NO_REASONS = {"smsgw", "application", "https", "http", "body", "lane", "warning", "reply_number"}
"""What looks like a code and is none."""


def written_codes() -> set[str]:
    """Return the codes at the beginning of sentences in the modules, and in the queries, that decide over messages."""
    found: set[str] = set()
    for path in [*(ROOT / "gateway" / "dispatch").glob("*.py"), *(ROOT / "gateway" / "domain").glob("*.py"),
                 *(ROOT / "gateway" / "operations").glob("[rc]*.py")]:  # fmt: skip
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := CODE.match(node.value)):
                found.add(match[1])
    for path in (ROOT / "sql" / "queries").rglob("*.sql"):
        text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))
        found |= {match[1] for match in re.finditer(r"'([a-z][a-z_]+): [a-z]", text)}
    return found - NO_REASONS


def classified_codes() -> set[str]:
    """Return the codes that a classification can carry, read from the modules that classify."""
    texts = [
        (ROOT / "gateway" / "domain" / "outcome.py").read_text(),
        (ROOT / "gateway" / "provider" / "mta" / "classify.py").read_text(),
        (ROOT / "gateway" / "dispatch" / "result_plan.py").read_text(),
    ]
    found = set(re.findall(r'answer\.error or "([a-z_]+)"|reason="([a-z_]+)"', "\n".join(texts)))
    constants = re.findall(r"\breasons\.([A-Z_]+)", texts[1])
    return {one or other for one, other in found} | {getattr(reasons, name).code for name in constants}


def wire_codes() -> set[str]:
    """Return the codes that the client gives to calls that broke."""
    text = (ROOT / "gateway" / "provider" / "mta" / "client.py").read_text()
    return set(re.findall(r'Phase\.\w+,\s*"([a-z_]+)"', text))


def test_every_code_that_the_gateway_writes_is_explained() -> None:
    codes = written_codes() | classified_codes() | wire_codes()
    assert len(codes) > 30
    assert sorted(code for code in codes if explain(code) is None) == []


def test_every_reason_of_the_provider_is_registered() -> None:
    defined = {value for value in vars(reasons).values() if isinstance(value, ReasonCode)}
    assert defined <= {reason for group in GROUPS.values() for reason in group}


def test_a_stored_reason_is_its_code_and_the_first_sentence_of_its_meaning() -> None:
    assert reasons.UNAUTHORIZED.reason == "unauthorized: the provider does not accept the API key"
    for group in GROUPS.values():
        for reason in group:
            assert re.fullmatch(r"[a-z_0-9]+: \S.*[^.]", reason.reason)


def test_no_code_is_explained_twice() -> None:
    codes = [meaning.code for group in GROUPS.values() for meaning in group]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 413, 418, 422, 429, 500, 502, 503, 504])
def test_every_status_has_a_meaning_and_something_to_do(status: int) -> None:
    meaning = explain_status(status)
    assert meaning is not None
    assert meaning.explanation.endswith(".")
    last = meaning.remedy.splitlines()[-1]
    assert last.endswith(".") or "smsgw " in last


def test_a_yes_needs_no_explanation() -> None:
    assert explain_status(200) is None
    assert explain_status(None) is None


def test_a_whole_reason_is_explained_by_its_code() -> None:
    found = explain("horizon_passed: the outcome of an attempt 700 s ago is still not known")
    assert found is not None
    assert found.code == "horizon_passed"
    assert explain("http_503: x") == explain_status(503)
    assert explain("nonsense") is None
    assert explain(None) is None


def test_the_page_says_what_the_dictionary_says() -> None:
    page = PAGE.read_text().replace("<br>", "\n")
    on_page = {
        match[1]: (match[2], match[3], match[4])
        for match in re.finditer(r"^\| `([a-z_0-9]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    }
    meanings = {
        meaning.code: (", ".join(map(str, meaning.statuses)), meaning.explanation, meaning.remedy)
        for group in GROUPS.values()
        for meaning in group
    }
    assert {code: tuple(cell.strip() for cell in cells) for code, cells in on_page.items()} == meanings
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == list(GROUPS)
