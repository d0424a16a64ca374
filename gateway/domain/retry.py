"""What to do with a request that is due: the rules of the horizon, the retry budget and the time to live."""

from dataclasses import dataclass
from enum import StrEnum

ISOLATE_AFTER_CRASHES = 2
"""From this many dead workers on, a request is sent only while its worker has nothing else in flight. This clears the
requests that were merely in flight when the workers died, and leaves the one that killed them alone."""

MAX_CRASHES = 3
"""Workers that may die while they send a request before the request is held responsible and set aside."""


class Action(StrEnum):
    """What may be done with a due request."""

    ATTEMPT = "attempt"
    """Send the same bytes under the same id once more."""
    UNCERTAIN = "uncertain"
    """Stop: it may have arrived, and another attempt could send it twice."""
    RESEND = "resend"
    """Send a new generation, because the lane prefers a second copy to a loss."""
    FAIL = "fail"
    """It certainly did not arrive, and its retry budget is used up."""
    EXPIRE = "expire"
    """It certainly did not arrive, and its time to live is over."""
    REQUEUE = "requeue"
    """It was never attempted, and some of its messages expired or are suppressed: put all of them back unsent."""


@dataclass(frozen=True, slots=True)
class RequestState:
    """What the decision depends on. Times are in seconds."""

    attempts: int
    never_sent: int
    ambiguous: int
    """Attempts that used retry budget, by outcome."""
    crashes: int
    maybe_arrived_ago: float | None
    """None: every attempt so far certainly did not arrive."""
    first_expiry_in: float | None
    last_expiry_in: float | None
    """Until the first and the last of its messages expire; None when it has no messages any more."""
    suppressed: bool = False
    """It was never attempted, and the recipient of one of its messages has opted out since the claim."""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """What the settings and the lane allow."""

    horizon: float
    """How long the provider is trusted to remember a request id."""
    max_attempts: int
    """For each outcome: a route that was down for a while does not use up the budget of ambiguous attempts."""
    resend_uncertain: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The action and, for a person, the reason."""

    action: Action
    reason: str = ""


def decide(state: RequestState, rules: RetryRules) -> Decision:
    """Return what to do with a due request.

    Once an attempt may have arrived, `failed` and `expired` are impossible: both say that the message was certainly
    not sent. Within the horizon the provider itself prevents a second copy. After it nothing does.
    """
    if state.maybe_arrived_ago is not None:
        return _decide_maybe_arrived(state, state.maybe_arrived_ago, rules)
    if state.last_expiry_in is None or state.last_expiry_in <= 0:
        return Decision(Action.EXPIRE, "expired: its time to live was over before it could be sent")
    first_expired = state.first_expiry_in is not None and state.first_expiry_in <= 0
    if state.attempts == 0 and (state.suppressed or first_expired):
        return Decision(Action.REQUEUE)
    if state.never_sent >= rules.max_attempts:
        return Decision(
            Action.FAIL, f"attempts_used_up: the provider could not be reached in {state.attempts} attempts"
        )
    return Decision(Action.ATTEMPT)


def _decide_maybe_arrived(state: RequestState, ago: float, rules: RetryRules) -> Decision:
    if state.crashes >= MAX_CRASHES:
        # Never a resend, even where the lane allows one: what killed these workers would kill the next.
        return Decision(Action.UNCERTAIN, f"quarantined: {state.crashes} workers died while they sent it")
    if ago > rules.horizon:
        reason = f"horizon_passed: the outcome of an attempt {ago:.0f} s ago is still not known"
    elif state.ambiguous >= rules.max_attempts:
        reason = f"attempts_used_up: {state.attempts} attempts, and it is not known whether one arrived"
    else:
        return Decision(Action.ATTEMPT)
    unexpired = state.first_expiry_in is not None and state.first_expiry_in > 0
    if rules.resend_uncertain and unexpired:
        return Decision(Action.RESEND, reason)
    return Decision(Action.UNCERTAIN, reason)
