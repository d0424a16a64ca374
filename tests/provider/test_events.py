"""Every known shape of an event, and anything else."""

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.receipts import parse

from gateway.domain.ids import ExternalIds
from gateway.domain.status import DeliveryStatus
from gateway.provider.errors import NotJson
from gateway.provider.mta.events import read_status
from gateway.receipts.opt_out import keyword

REQUEST = UUID("0195f3f0-0000-7000-8000-000000000001")
OURS = f"{REQUEST.hex}-2"


def read(body: dict[str, Any], event: str | None = "delivery-status", **settings: Any) -> Any:
    return parse(json.dumps(body).encode(), event, **settings)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "delivery-status", "externalId": OURS, "status": 4, "toNumber": "+12025550123", "messageId": "m"},
        {"destinationNumber": "2025550123", "messageId": 271400001, "externalId": OURS, "status": "4", "tags": None},
        {"externalId": OURS, "status": "delivered", "to": 2025550123},
        {"data": {"externalId": OURS, "status": "DELIVERED", "toNumber": "12025550123"}},
        [{"externalId": OURS, "status": 4, "number": "(202) 555-0123"}],
    ],
)
def test_every_version_says_the_same(body: Any) -> None:
    receipt = read(body)
    assert (receipt.request_id, receipt.generation) == (REQUEST, 2)
    assert (receipt.number, receipt.delivery_status) == ("+12025550123", DeliveryStatus.DELIVERED)


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (3, DeliveryStatus.SENT), (4, DeliveryStatus.DELIVERED), (7, DeliveryStatus.UNKNOWN),
        (8, DeliveryStatus.REJECTED),
        (14, DeliveryStatus.FAILED),
        ("Undeliverable", DeliveryStatus.UNDELIVERABLE), ("delivery_failed", DeliveryStatus.FAILED),
        ("13", DeliveryStatus.REJECTED),
        (99, None), ("gone fishing", None), (None, None), (True, None), ({}, None), ("", None), (4.0, None),
    ],
)  # fmt: skip
def test_a_status_is_a_code_or_a_word_or_unknown(status: Any, delivery: DeliveryStatus | None) -> None:
    assert read_status(status) is delivery


def test_the_address_wins_over_the_body() -> None:
    assert read({"type": "delivery status", "status": 4}, "message-send").event == "message-send"


def test_without_an_event_in_the_address_the_body_says() -> None:
    assert read({"type": "Delivery Status"}, None).event == "delivery-status"


def test_an_external_id_of_somebody_else_is_not_ours() -> None:
    assert read({"externalId": "order_1", "status": 4}).request_id is None
    assert read({"externalId": OURS, "status": 4}, external_ids=ExternalIds("other-")).request_id is None
    assert read({"externalId": f"mine-{OURS}", "status": 4}, external_ids=ExternalIds("mine-")).request_id == REQUEST


def test_the_same_body_at_two_addresses_is_two_receipts() -> None:
    assert read({"status": 4}, "message-send").digest != read({"status": 4}, "delivery-status").digest


def test_a_reply_names_who_wrote_it() -> None:
    receipt = read({"fromNumber": "+12025550123", "toNumber": "+18005550199", "message": "STOP\0"}, "message-reply")
    assert (receipt.number, receipt.reply_to_number) == ("+12025550123", "+18005550199")
    assert receipt.reply_text == "STOP"


def test_only_a_reply_has_a_text() -> None:
    receipt = read({"fromNumber": "+12025550123", "toNumber": "+18005550199", "message": "STOP", "status": 4})
    assert (receipt.number, receipt.reply_to_number, receipt.reply_text) == ("+18005550199", None, None)


def test_the_number_of_a_reply_may_stand_under_an_older_name() -> None:
    assert read({"originationNumber": 2025550123, "message": "hi"}, "message-reply").number == "+12025550123"


def test_a_body_that_is_not_json_says_so() -> None:
    with pytest.raises(NotJson):
        parse(b"<html>", "delivery-status")


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    _nodes,
    max_leaves=8,
)
names = st.sampled_from(
    ["toNumber", "status", "externalId", "timestamp", "messageId", "data", "type", "message", "fromNumber"]
)


@given(
    st.dictionaries(names, json_values, max_size=6), st.sampled_from([None, "delivery-status", "message-reply", "x"])
)
def test_whatever_the_fields_hold_nothing_is_raised(body: dict[str, Any], event: str | None) -> None:
    receipt = read(body, event)
    for text in (receipt.number, receipt.external_id, receipt.provider_status, receipt.provider_message_id):
        assert text is None or ("\0" not in text and text.encode("utf-8"))


@given(st.binary(), st.text())
def test_whatever_the_bytes_are_they_are_read_or_not_json(body: bytes, event: str) -> None:
    with suppress(NotJson):
        parse(body, event)


@pytest.mark.parametrize(
    ("text", "word"),
    [("STOP", "stop"), (" Stop. ", "stop"), ("unstop", "start"), ("help", "help"), ("please stop", None)],
)
def test_a_keyword_is_the_whole_reply(text: str, word: str | None) -> None:
    assert keyword(text) == word
