"""Truth only moves forward."""

from functools import reduce
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.lattice import Delivery, advance

reports = st.lists(st.sampled_from(list(Delivery)), max_size=8)


@given(reports)
def test_repeating_everything_changes_nothing(received: list[Delivery]) -> None:
    once = reduce(advance, received, Delivery.NONE)
    assert reduce(advance, received, once) is once


@given(reports)
def test_no_report_ever_lowers_the_rank(received: list[Delivery]) -> None:
    state = Delivery.NONE
    for report in received:
        assert advance(state, report).rank >= state.rank
        state = advance(state, report)


def test_the_order_of_arrival_does_not_matter() -> None:
    received = [Delivery.SENT, Delivery.UNKNOWN, Delivery.UNDELIVERED, Delivery.DELIVERED]
    assert {reduce(advance, order, Delivery.NONE) for order in permutations(received)} == {Delivery.DELIVERED}


def test_of_two_final_failures_the_first_stays() -> None:
    assert advance(Delivery.REJECTED, Delivery.FAILED) is Delivery.REJECTED
