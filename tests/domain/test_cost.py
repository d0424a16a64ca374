"""How many parts a message takes, with its placeholders filled in."""

import pytest

from gateway.domain.cost import MAX_PARTS, cost
from gateway.domain.message import Message, Recipient


def message(body: str | None, **changes: object) -> Message:
    settings: dict[str, object] = {
        "id": 1, "lane": "bulk", "tenant": "", "recipient": Recipient("+12025550123"), "body": body,
    }  # fmt: skip
    return Message(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "variables", "parts"),
    [
        ("x" * 160, None, 1),
        ("x" * 161, None, 2),
        ("{{a}}", {"a": "y" * 161}, 2),
        ("{{ a }}{{b}}", {"a": "y" * 100, "b": "z" * 61}, 2),
        ("{{missing}}" * 50, {}, 1),
        ("{{a}}", None, 1),
        ("{{a}} and " + "x" * 150, {"a": 7}, 1),
        ("{{a | upcase}}", {"a": "y" * 500}, 1),
        (None, None, 1),
    ],
)
def test_a_text_is_counted_with_its_placeholders_filled_in(
    body: str | None, variables: dict[str, object] | None, parts: int
) -> None:
    assert cost(message(body, variables=variables)).count == parts


def test_a_message_with_an_image_is_one_part() -> None:
    assert cost(message("x" * 1000, media_url="https://example.org/a.png")).count == 1


@pytest.mark.parametrize("value", ["x" * 16_000, "é" * 16_000, "😀" * 8_000])
def test_parts_are_counted_up_to_a_maximum(value: str) -> None:
    assert cost(message("{{a}}" * 800, variables={"a": value})).count == MAX_PARTS
