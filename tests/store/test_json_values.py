"""JSON that strangers wrote."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.json_values import DEEPEST, Unreadable, loads


@pytest.mark.parametrize(
    "text", ["[" * 5000 + "]" * 5000, "[" * (DEEPEST + 5) + "]" * (DEEPEST + 5), '{"a":' * 60 + "1" + "}" * 60]
)
def test_what_is_too_deep_is_unreadable(text: str) -> None:
    assert isinstance(loads(text), Unreadable)


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1" * 400 + ".5"])
def test_a_number_that_is_too_long_stays_as_its_digits(number: str) -> None:
    assert loads(f'{{"a": {number}}}') == {"a": number}


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    nodes,
    max_leaves=10,
)


@given(VALUES)
def test_everything_else_is_read_as_it_is(value: Any) -> None:
    assert loads(json.dumps(value)) == value
