"""What to do with a request whose next attempt is due: the rules of the horizon, the budget and the time to live."""

from dataclasses import dataclass
from enum import StrEnum

ISOLATE_AFTER = 2
"""From so many dead workers on a request is sent only while its worker has nothing else in the air: what was merely
near it when they died is then cleared, and what killed them stands alone."""

MAX_CRASHES = 3
"""So many workers may die in the call before the request is taken for the cause and set aside."""


class Step(StrEnum):
    """The ways on from a due request."""

    ATTEMPT = "attempt"
    """The same id and bytes once more."""
    UNCERTAIN = "uncertain"
    """Stop: it may have arrived, and asking again may send it twice."""
    RESEND = "resend"
    """A new generation, because the lane prefers a second copy to a loss."""
    FAIL = "fail"
    """It certainly did not arrive, and its budget is used up."""
    EXPIRE = "expire"
    """It certainly did not arrive, and nobody wants it any more."""
    RECUT = "recut"
    """It was never attempted, and some of its messages are no longer wanted: decide anew."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the decision rests on; seconds throughout."""

    attempts: int
    never_sent: int
    ambiguous: int
    """Attempts that used up budget, by class."""
    crashes: int
    maybe_arrived_ago: float | None
    """None: every attempt so far certainly did not arrive."""
    first_expiry_in: float | None
    last_expiry_in: float | None
    """Until the first and the last of its messages expire; None when no message is bound to it any more."""
    suppressed: bool = False
    """It was never attempted, and one of its numbers asked meanwhile not to be written to."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings and the lane say."""

    horizon: float
    """How long the provider is trusted to remember a request id."""
    max_attempts: int
    """Of each class: a way that was closed for a while leaves the budget for open questions untouched."""
    resend_uncertain: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The step and, for a person, why."""

    step: Step
    reason: str = ""


def decide(due: Due, rules: Rules) -> Decision:
    """Return the next step of a due request.

    Once an attempt may have arrived there is no way back to `failed` or `expired`: both would say that the message
    was certainly not sent. Within the horizon the provider itself prevents a second copy; past it, nobody does.
    """
    if due.maybe_arrived_ago is not None:
        return _maybe_arrived(due, due.maybe_arrived_ago, rules)
    if due.last_expiry_in is None or due.last_expiry_in <= 0:
        return Decision(Step.EXPIRE, "expired: its time to live was over before it could be sent")
    if due.attempts == 0 and (due.suppressed or (due.first_expiry_in is not None and due.first_expiry_in <= 0)):
        return Decision(Step.RECUT)
    if due.never_sent >= rules.max_attempts:
        return Decision(Step.FAIL, f"attempts_used_up: the provider could not be reached in {due.attempts} attempts")
    return Decision(Step.ATTEMPT)


def _maybe_arrived(due: Due, ago: float, rules: Rules) -> Decision:
    if due.crashes >= MAX_CRASHES:
        # Not a resend even where the lane allows one: whatever kills the workers would kill the next.
        return Decision(Step.UNCERTAIN, f"quarantined: {due.crashes} workers died while they sent it")
    if ago > rules.horizon:
        why = f"horizon_passed: the outcome of an attempt {ago:.0f} s ago is still not known"
    elif due.ambiguous >= rules.max_attempts:
        why = f"attempts_used_up: {due.attempts} attempts, and it is not known whether one arrived"
    else:
        return Decision(Step.ATTEMPT)
    wanted = due.first_expiry_in is not None and due.first_expiry_in > 0
    if rules.resend_uncertain and wanted:
        return Decision(Step.RESEND, why)
    return Decision(Step.UNCERTAIN, why)
