"""Phone numbers in the forms that the provider uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.phone import is_e164, mask, normalise


@pytest.mark.parametrize(
    "written", ["+12025550123", "2025550123", "12025550123", 2025550123, "(202) 555-0123", " 1-202-555-0123 "]
)
def test_every_spelling_of_a_number_gives_the_same_number(written: object) -> None:
    assert normalise(written) == "+12025550123"


@pytest.mark.parametrize("written", [None, True, "", "hello", "12", "+0123456789", "a@example.org", "٢٠٢٥٥٥٠١٢٣"])
def test_anything_else_is_not_a_number(written: object) -> None:
    assert normalise(written) is None


@given(st.one_of(st.text(), st.integers(), st.none(), st.floats(allow_nan=True)))
def test_the_result_is_always_e164_or_none(written: object) -> None:
    number = normalise(written)
    assert number is None or is_e164(number)


def test_a_masked_number_shows_only_its_last_two_digits() -> None:
    assert mask("+12025550123") == "+1••••••••23"
