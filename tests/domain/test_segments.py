"""Segments of a text (3GPP TS 23.038 and 23.040)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.cost import cost
from gateway.domain.message import Message, Recipient, Segments
from gateway.domain.segments import measure


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", Segments(1, "gsm7")),
        ("a" * 160, Segments(1, "gsm7")),
        ("a" * 161, Segments(2, "gsm7")),
        ("a" * 306, Segments(2, "gsm7")),
        ("a" * 307, Segments(3, "gsm7")),
        ("€" * 80, Segments(1, "gsm7")),
        ("€" * 81, Segments(2, "gsm7")),
        ("a" * 152 + "€" + "a" * 152, Segments(3, "gsm7")),
        ("ж" * 70, Segments(1, "ucs2")),
        ("ж" * 71, Segments(2, "ucs2")),
        ("😀" * 35, Segments(1, "ucs2")),
        ("😀" * 36, Segments(2, "ucs2")),
        ("😀" * 67, Segments(3, "ucs2")),
    ],
)
def test_parts_depend_on_the_alphabet_of_the_text(text: str, parts: Segments) -> None:
    assert measure(text) == parts


def test_a_text_with_media_is_one_mms() -> None:
    assert measure("a" * 1000, media=True) == Segments(1, "mms")


@given(st.text(max_size=400))
def test_a_longer_text_never_takes_fewer_parts(text: str) -> None:
    assert measure(text + "a").count >= measure(text).count


def test_parts_are_counted_with_placeholders_filled_in() -> None:
    short, long = ({"name": "x"}, {"name": "x" * 160})
    template = Message(1, "bulk", "", Recipient("+12025550123"), body="Hi {{ name }}", variables=short)
    filled = Message(1, "bulk", "", Recipient("+12025550123"), body="Hi {{ name }}", variables=long)
    assert (cost(template).count, cost(filled).count) == (1, 2)
