"""Texts that a user sees are in plain English, and the checker finds every such text."""

from typing import Any

import pytest
from prose.check import files, new_violations, stale_exceptions
from prose.extract import python_texts, sql_texts, template_texts


def test_no_text_of_a_user_has_a_banned_word() -> None:
    assert new_violations() == []


def test_every_exception_is_still_needed() -> None:
    assert stale_exceptions() == []


def test_every_kind_of_file_is_checked() -> None:
    assert set(files().values()) == {"python", "docstrings", "templates", "sql", "text"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (python_texts('def f():\n    """Doc."""\n    fail(f"a {x} b")\n', docstrings=False), ["a ", " b"]),
        (python_texts('def f():\n    """Doc."""\n', docstrings=True), ["Doc."]),
        (python_texts('A = 1\n"""What it is."""\n', docstrings=True), []),
        (python_texts('log.info("let_go", x="a_b")\n', docstrings=False), ["let go", "a_b"]),
        (sql_texts("raise exception 'is bad'; -- 'no'"), ["is bad"]),
        (template_texts('<b title="T">x {{ y or "none" }}</b><script>z</script>'), ["T", "x none"]),
    ],
)
def test_the_texts_of_a_file_are_found(found: Any, expected: list[str]) -> None:
    assert [text for _, text in found] == expected
