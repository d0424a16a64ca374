"""From the classification on an attempt to what is written of it: state, delay, budget."""

import random

from gateway.dispatch.attempt import Attempt
from gateway.domain.backoff import delay
from gateway.domain.outcome import Answer, Classification, Outcome
from gateway.domain.status import RequestStatus
from gateway.store.completions import AttemptResult

RETRY_BASE = 1.0
RETRY_CAP = 60.0
"""Seconds. Full jitter doubles from the base; the cap keeps a retry well inside the horizon."""

THROTTLE_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long: a third of the provider's window."""

SPREAD = 0.25
"""Share of a wait that is added at random, so that requests stopped together do not return together."""


def resolve(attempt: Attempt, answer: Answer, classification: Classification, rng: random.Random) -> AttemptResult:
    """Return what `complete_attempts.sql` is to write; see docs/design.md, "Outcomes", for the table."""
    state, wait, spent = _course(attempt, classification, rng)
    maybe_arrived = classification.outcome is Outcome.AMBIGUOUS
    verify = None
    if classification.outcome is Outcome.DUPLICATE_UNEXPECTED:
        verify = "unexpected_duplicate"
    elif classification.shortfall:
        verify = "shortfall"
    elif state is RequestStatus.UNCERTAIN:
        verify = "uncertain"
    told = state is not RequestStatus.ACCEPTED or verify is not None
    return AttemptResult(
        request_id=attempt.request_id,
        token=attempt.token,
        number=attempt.number,
        outcome=classification.outcome.value,
        status=answer.status,
        error=answer.error or answer.error_name,
        provider_request_id=answer.provider_request_id,
        retry_after=classification.retry_after,
        duration=answer.duration,
        dispatch=state,
        delay=wait,
        spent=spent,
        maybe_arrived=maybe_arrived,
        provider_message_id=answer.provider_message_id,
        outbound_ids=answer.outbound_ids,
        total_sent=answer.total_sent,
        verify=verify,
        reason=f"{classification.reason}: {classification.sentence}" if told else None,
    )


def _course(attempt: Attempt, classification: Classification, rng: random.Random) -> tuple[RequestStatus, float, bool]:
    """Return the request's new state, the seconds until it is due again, and whether retry budget is spent."""
    match classification.outcome:
        case Outcome.ACCEPTED | Outcome.DUPLICATE | Outcome.DUPLICATE_UNEXPECTED:
            return RequestStatus.ACCEPTED, 0.0, False
        case Outcome.REFUSED if attempt.maybe_arrived:
            # This answer speaks of this attempt. An earlier one may have arrived, so "certainly not sent" would be
            # a guess; asking the provider's listing is not.
            return RequestStatus.UNCERTAIN, 0.0, False
        case Outcome.REFUSED:
            return RequestStatus.REJECTED, 0.0, False
        case Outcome.BLOCKED:
            # The pause of the route keeps it from going; once that is lifted it is due at once.
            return RequestStatus.IN_FLIGHT, 0.0, False
        case Outcome.THROTTLED:
            wait = classification.retry_after if classification.retry_after is not None else THROTTLE_WAIT
            return RequestStatus.IN_FLIGHT, wait * (1.0 + SPREAD * rng.random()), False
        case Outcome.NEVER_SENT | Outcome.AMBIGUOUS:
            wait = delay(attempt.failures + 1, base=RETRY_BASE, cap=RETRY_CAP, rng=rng)
            # A probe was sent for everybody's sake: an outage must not use up the attempts of the message chosen.
            return RequestStatus.IN_FLIGHT, max(wait, classification.retry_after or 0.0), not attempt.probe
