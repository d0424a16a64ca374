"""Which messages share a request."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.batching import (
    _content_bytes,
    _shared_bytes,
    group_key,
    pack,
)
from gateway.domain.message import Message, Recipient
from gateway.provider.mta.request import BATCH_RULES, encode


def message(number: int, **changes: object) -> Message:
    settings: dict[str, object] = {
        "id": number, "lane": "bulk", "tenant": "", "recipient": Recipient(f"+1202555{number:04d}"), "body": "hello",
    }  # fmt: skip
    return Message(**(settings | changes))  # type: ignore[arg-type]


def ids(groups: list[list[Message]]) -> list[list[int]]:
    return [[one.id for one in group] for group in groups]


def test_with_enough_slots_each_message_goes_alone() -> None:
    assert ids(pack([message(1), message(2)], BATCH_RULES, slots=5, max_recipients=500)) == [[1], [2]]


def test_a_backlog_fills_requests_only_as_far_as_necessary() -> None:
    six = [message(n) for n in range(6)]
    assert ids(pack(six, BATCH_RULES, slots=3, max_recipients=500)) == [[0, 1], [2, 3], [4, 5]]


def test_one_slot_carries_the_whole_backlog() -> None:
    assert ids(pack([message(n) for n in range(4)], BATCH_RULES, slots=1, max_recipients=500)) == [[0, 1, 2, 3]]


def test_no_request_is_larger_than_allowed_and_the_rest_stays() -> None:
    assert ids(pack([message(n) for n in range(7)], BATCH_RULES, slots=2, max_recipients=3)) == [[0, 1, 2], [3, 4, 5]]


def test_a_number_is_only_once_in_a_request() -> None:
    twice = [message(1), message(2, recipient=message(1).recipient)]
    assert ids(pack(twice, BATCH_RULES, slots=1, max_recipients=500)) == [[1]]


def test_different_texts_share_a_request() -> None:
    assert ids(pack([message(1, body="a"), message(2, body="b")], BATCH_RULES, slots=1, max_recipients=9)) == [[1, 2]]


def test_different_templates_do_not_share_a_request() -> None:
    pair = [message(1, body="Hi {{a}}", variables={"a": 1}), message(2, body="Ho {{a}}", variables={"a": 1})]
    assert ids(pack(pair, BATCH_RULES, slots=1, max_recipients=9)) == [[1]]


def test_one_template_with_different_values_shares_a_request() -> None:
    pair = [message(1, body="Hi {{a}}", variables={"a": 1}), message(2, body="Hi {{a}}", variables={"a": 2})]
    assert ids(pack(pair, BATCH_RULES, slots=1, max_recipients=9)) == [[1, 2]]


def test_a_text_with_liquid_markers_goes_alone() -> None:
    assert group_key(message(1, body="50% off {{ today }}"), BATCH_RULES) is None


def test_a_subscriber_goes_alone() -> None:
    assert group_key(message(1, recipient=Recipient(subscriber_id=7)), BATCH_RULES) is None


def test_messages_of_two_senders_never_share_a_request() -> None:
    assert group_key(message(1, sender_id=1), BATCH_RULES) != group_key(message(1, sender_id=2), BATCH_RULES)


def test_a_lane_without_coalescing_shares_no_request() -> None:
    assert ids(pack([message(1), message(2)], BATCH_RULES, slots=1, max_recipients=9, lanes_alone=["bulk"])) == [[1]]


@given(
    numbers=st.lists(st.integers(min_value=0, max_value=30), max_size=60),
    tenants=st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=5),
    slots=st.integers(min_value=0, max_value=12),
    max_recipients=st.integers(min_value=1, max_value=20),
)
def test_every_rule_holds_for_any_messages(
    numbers: list[int], tenants: list[str], slots: int, max_recipients: int
) -> None:
    messages = [message(number, id=index, tenant=tenants[index % len(tenants)]) for index, number in enumerate(numbers)]
    groups = pack(messages, BATCH_RULES, slots=slots, max_recipients=max_recipients)
    placed = [one.id for group in groups for one in group]
    assert len(groups) <= slots
    assert len(placed) == len(set(placed))
    for group in groups:
        assert 1 <= len(group) <= max_recipients
        assert len({one.recipient.number for one in group}) == len(group)
        assert len({group_key(one, BATCH_RULES) for one in group}) == 1
    if slots:
        assert not messages or placed


def test_a_request_grows_only_to_its_maximum_size() -> None:
    long = [message(n, body=f"{n} " + "é" * 3990) for n in range(200)]
    (group,) = pack(long, BATCH_RULES, slots=1, max_recipients=1000)
    assert 1 < len(group) < 100
    body = encode(group, external_id="e" * 64, default_sender=4410)
    assert 0.8 * BATCH_RULES.max_body_bytes < len(body) <= BATCH_RULES.max_body_bytes + 1024


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=400)
    ),
    values=st.lists(
        st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.floats(allow_nan=False))
    ),
)
def test_the_size_of_a_message_is_never_underestimated(texts: list[str], values: list[dict[str, object]]) -> None:
    plain = [message(n, body=text) for n, text in enumerate(texts) if not BATCH_RULES.is_template(text)]
    templates = [message(1000 + n, body="Hi {{a}}", variables=each) for n, each in enumerate(values)]
    for group in pack([*plain, *templates], BATCH_RULES, slots=5, max_recipients=1000):
        size = sum(BATCH_RULES.bytes_per_recipient + _content_bytes(one) for one in group) + _shared_bytes(group[0])
        try:
            body = encode(group, external_id="e", default_sender=1)
        except ValueError:
            continue  # an infinite number, which JSON cannot say
        assert len(body) <= size + 200


def test_a_long_template_counts_once_for_all_recipients() -> None:
    template = "Dear {{name}}, " + "z" * 3900
    crowd = [message(n, body=template, variables={"name": f"n{n}"}) for n in range(500)]
    (group,) = pack(crowd, BATCH_RULES, slots=1, max_recipients=500)
    assert len(group) == 500
