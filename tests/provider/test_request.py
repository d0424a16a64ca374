"""Messages to bytes."""

import json
from typing import Any

import pytest

from gateway.domain.message import Message, Recipient
from gateway.provider.mta.request import encode

ONE, TWO = "+12025550101", "+12025550102"


def message(number: str = ONE, **changes: Any) -> Message:
    return Message(**({"id": 1, "lane": "bulk", "tenant": "", "recipient": Recipient(number), "body": "hi"} | changes))


def body(*messages: Message, sender: int | None = 4410) -> dict[str, Any]:
    return dict(json.loads(encode(messages, external_id="e-0", default_sender=sender)))


def test_a_plain_text_travels_as_it_is() -> None:
    assert body(message()) == {"subscribers": [ONE], "message": "hi", "longcodeId": 4410, "externalId": "e-0"}


def test_one_text_for_many_is_written_once() -> None:
    assert body(message(), message(TWO))["message"] == "hi"


def test_different_texts_travel_as_values_under_the_very_spelling_of_the_number() -> None:
    sent = body(message(body="a"), message(TWO, body="b"))
    assert sent["message"] == "{{text}}"
    assert sent["properties"] == {ONE: {"text": "a"}, TWO: {"text": "b"}}


def test_a_template_travels_with_the_values_of_each() -> None:
    sent = body(message(body="Hi {{a}}", variables={"a": 1}), message(TWO, body="Hi {{a}}", variables={"a": 2}))
    assert (sent["message"], sent["properties"]) == ("Hi {{a}}", {ONE: {"a": 1}, TWO: {"a": 2}})


def test_a_text_with_markers_and_no_values_is_not_read_as_a_template() -> None:
    sent = body(message(body="{{ 50% }} off"))
    assert (sent["message"], sent["properties"]) == ("{{text}}", {ONE: {"text": "{{ 50% }} off"}})


def test_every_documented_field_of_a_row_goes_out() -> None:
    sent = body(message(template_id=3, link_id=4, media_url="https://example.org/a.png", tags={"a": "b"}, sender_id=9))
    assert (sent["templateId"], sent["linkId"], sent["image"]) == (3, 4, "https://example.org/a.png")
    assert (sent["tags"], sent["longcodeId"]) == ({"a": "b"}, 9)


def test_subscribers_and_groups_go_by_their_ids() -> None:
    assert body(message(recipient=Recipient(subscriber_id=7)))["subscriberIds"] == [7]
    assert body(message(recipient=Recipient(group_id=8)))["groups"] == [8]


@pytest.mark.parametrize(
    "pair",
    [
        (message(), message()),
        (message(sender_id=1), message(TWO, sender_id=2)),
        (message(), message(TWO, tags={"a": "b"})),
        (message(body="a {{x}}", variables={}), message(TWO, body="b {{x}}", variables={})),
        (message(), message(recipient=Recipient(group_id=8))),
        (message(template_id=1), message(TWO, body=None, template_id=1)),
    ],
)
def test_messages_that_cannot_share_a_request_are_refused(pair: tuple[Message, Message]) -> None:
    with pytest.raises(ValueError, match="request"):
        encode(pair, external_id="e-0", default_sender=None)


def test_the_same_messages_are_the_same_bytes() -> None:
    assert encode([message()], external_id="e", default_sender=1) == encode(
        [message()], external_id="e", default_sender=1
    )
