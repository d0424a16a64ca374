"""What becomes of a request whose next attempt is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.retry import MAX_CRASHES, Due, Rules, Step, decide

RULES = Rules(horizon=600.0, max_attempts=5, resend_uncertain=False)


def due(**changes: object) -> Due:
    settings: dict[str, object] = {
        "attempts": 1, "never_sent": 1, "ambiguous": 0, "crashes": 0, "maybe_arrived_ago": None,
        "first_expiry_in": 100.0, "last_expiry_in": 100.0,
    }  # fmt: skip
    return Due(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (due(), Step.ATTEMPT),
        (due(never_sent=5), Step.FAIL),
        (due(ambiguous=5), Step.ATTEMPT),
        (due(first_expiry_in=-1.0, last_expiry_in=-1.0), Step.EXPIRE),
        (due(first_expiry_in=-1.0), Step.ATTEMPT),
        (due(attempts=0, never_sent=0, first_expiry_in=-1.0), Step.RECUT),
        (due(first_expiry_in=None, last_expiry_in=None), Step.EXPIRE),
        (due(maybe_arrived_ago=10.0), Step.ATTEMPT),
        (due(maybe_arrived_ago=10.0, first_expiry_in=-1.0, last_expiry_in=-1.0), Step.ATTEMPT),
        (due(maybe_arrived_ago=601.0), Step.UNCERTAIN),
        (due(maybe_arrived_ago=10.0, ambiguous=5), Step.UNCERTAIN),
        (due(maybe_arrived_ago=10.0, never_sent=5), Step.ATTEMPT),
        (due(maybe_arrived_ago=10.0, crashes=MAX_CRASHES), Step.UNCERTAIN),
    ],
)
def test_the_step_follows_from_what_is_known(state: Due, step: Step) -> None:
    assert decide(state, RULES).step is step


def test_a_lane_may_prefer_a_second_copy_to_a_loss() -> None:
    rules = Rules(horizon=600.0, max_attempts=5, resend_uncertain=True)
    assert decide(due(maybe_arrived_ago=601.0), rules).step is Step.RESEND


def test_nothing_is_resent_that_nobody_wants_any_more() -> None:
    rules = Rules(horizon=600.0, max_attempts=5, resend_uncertain=True)
    assert decide(due(maybe_arrived_ago=601.0, first_expiry_in=-1.0), rules).step is Step.UNCERTAIN


@given(
    st.builds(
        Due,
        attempts=st.integers(0, 20),
        never_sent=st.integers(0, 20),
        ambiguous=st.integers(0, 20),
        crashes=st.integers(0, 5),
        maybe_arrived_ago=st.floats(0.0, 2000.0),
        first_expiry_in=st.floats(-100.0, 100.0),
        last_expiry_in=st.floats(-100.0, 100.0),
    )
)
def test_what_may_have_arrived_is_never_called_unsent(state: Due) -> None:
    assert decide(state, RULES).step not in {Step.FAIL, Step.EXPIRE, Step.RECUT}
