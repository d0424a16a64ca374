"""What is done with a request that is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.retry import MAX_CRASHES, Action, RequestState, RetryRules, decide

RULES = RetryRules(horizon=600.0, max_attempts=5, resend_uncertain=False)


def state_of(**changes: object) -> RequestState:
    settings: dict[str, object] = {
        "attempts": 1, "never_sent": 1, "ambiguous": 0, "crashes": 0, "maybe_arrived_ago": None,
        "first_expiry_in": 100.0, "last_expiry_in": 100.0,
    }  # fmt: skip
    return RequestState(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (state_of(), Action.ATTEMPT),
        (state_of(never_sent=5), Action.FAIL),
        (state_of(ambiguous=5), Action.ATTEMPT),
        (state_of(first_expiry_in=-1.0, last_expiry_in=-1.0), Action.EXPIRE),
        (state_of(first_expiry_in=-1.0), Action.ATTEMPT),
        (state_of(attempts=0, never_sent=0, first_expiry_in=-1.0), Action.REQUEUE),
        (state_of(first_expiry_in=None, last_expiry_in=None), Action.EXPIRE),
        (state_of(maybe_arrived_ago=10.0), Action.ATTEMPT),
        (state_of(maybe_arrived_ago=10.0, first_expiry_in=-1.0, last_expiry_in=-1.0), Action.ATTEMPT),
        (state_of(maybe_arrived_ago=601.0), Action.UNCERTAIN),
        (state_of(maybe_arrived_ago=10.0, ambiguous=5), Action.UNCERTAIN),
        (state_of(maybe_arrived_ago=10.0, never_sent=5), Action.ATTEMPT),
        (state_of(maybe_arrived_ago=10.0, crashes=MAX_CRASHES), Action.UNCERTAIN),
    ],
)
def test_the_action_follows_from_the_state(state: RequestState, action: Action) -> None:
    assert decide(state, RULES).action is action


def test_a_lane_may_resend_what_is_uncertain() -> None:
    rules = RetryRules(horizon=600.0, max_attempts=5, resend_uncertain=True)
    assert decide(state_of(maybe_arrived_ago=601.0), rules).action is Action.RESEND


def test_an_expired_message_is_not_resent() -> None:
    rules = RetryRules(horizon=600.0, max_attempts=5, resend_uncertain=True)
    assert decide(state_of(maybe_arrived_ago=601.0, first_expiry_in=-1.0), rules).action is Action.UNCERTAIN


@given(
    st.builds(
        RequestState,
        attempts=st.integers(0, 20),
        never_sent=st.integers(0, 20),
        ambiguous=st.integers(0, 20),
        crashes=st.integers(0, 5),
        maybe_arrived_ago=st.floats(0.0, 2000.0),
        first_expiry_in=st.floats(-100.0, 100.0),
        last_expiry_in=st.floats(-100.0, 100.0),
    )
)
def test_a_request_that_may_have_arrived_never_fails_or_expires(state: RequestState) -> None:
    assert decide(state, RULES).action not in {Action.FAIL, Action.EXPIRE, Action.REQUEUE}
