"""Truth only moves forward."""

from functools import reduce
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.status import DeliveryStatus, advance

reports = st.lists(st.sampled_from(list(DeliveryStatus)), max_size=8)


@given(reports)
def test_repeating_everything_changes_nothing(received: list[DeliveryStatus]) -> None:
    once = reduce(advance, received, DeliveryStatus.NONE)
    assert reduce(advance, received, once) is once


@given(reports)
def test_no_report_ever_lowers_the_rank(received: list[DeliveryStatus]) -> None:
    state = DeliveryStatus.NONE
    for report in received:
        assert advance(state, report).rank >= state.rank
        state = advance(state, report)


def test_the_order_of_arrival_does_not_matter() -> None:
    received = [DeliveryStatus.SENT, DeliveryStatus.UNKNOWN, DeliveryStatus.UNDELIVERED, DeliveryStatus.DELIVERED]
    assert {reduce(advance, order, DeliveryStatus.NONE) for order in permutations(received)} == {
        DeliveryStatus.DELIVERED
    }


def test_of_two_final_failures_the_first_stays() -> None:
    assert advance(DeliveryStatus.REJECTED, DeliveryStatus.FAILED) is DeliveryStatus.REJECTED
