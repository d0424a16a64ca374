"""From the classification of an attempt to what is stored: the request's status, its delay and its use of budget."""

import random

from gateway.dispatch.attempt import Attempt
from gateway.domain.backoff import retry_delay, throttle_delay
from gateway.domain.outcome import Answer, Classification, Outcome
from gateway.domain.status import RequestStatus
from gateway.store.completions import AttemptResult


def plan_result(attempt: Attempt, answer: Answer, classification: Classification, rng: random.Random) -> AttemptResult:
    """Return what `complete_attempts.sql` stores; docs/design.md, "Outcomes of an attempt", has the table."""
    status, wait, spent = _next_status(attempt, classification, rng)
    verify_reason = None
    if classification.outcome is Outcome.DUPLICATE_UNEXPECTED:
        verify_reason = "unexpected_duplicate"
    elif classification.shortfall:
        verify_reason = "shortfall"
    elif status is RequestStatus.UNCERTAIN:
        verify_reason = "uncertain"
    needs_reason = status is not RequestStatus.ACCEPTED or verify_reason is not None
    return AttemptResult(
        request_id=attempt.request_id,
        token=attempt.token,
        number=attempt.number,
        outcome=classification.outcome.value,
        http_status=answer.status,
        error=answer.error or answer.error_name,
        provider_request_id=answer.provider_request_id,
        retry_after=classification.retry_after,
        duration=answer.duration,
        status=status,
        delay=wait,
        spent=spent,
        maybe_arrived=classification.outcome is Outcome.AMBIGUOUS,
        provider_message_id=answer.provider_message_id,
        outbound_ids=answer.outbound_ids,
        total_sent=answer.total_sent,
        verify_reason=verify_reason,
        reason=f"{classification.reason}: {classification.sentence}" if needs_reason else None,
    )


def _next_status(
    attempt: Attempt, classification: Classification, rng: random.Random
) -> tuple[RequestStatus, float, bool]:
    """Return the request's new status, the seconds until it is due again, and whether retry budget is used."""
    match classification.outcome:
        case Outcome.ACCEPTED | Outcome.DUPLICATE | Outcome.DUPLICATE_UNEXPECTED:
            return RequestStatus.ACCEPTED, 0.0, False
        case Outcome.REFUSED if attempt.maybe_arrived:
            # This answer is about this attempt. An earlier one may have arrived, so "certainly not sent" would be a
            # guess. The provider's delivery listing can tell.
            return RequestStatus.UNCERTAIN, 0.0, False
        case Outcome.REFUSED:
            return RequestStatus.REJECTED, 0.0, False
        case Outcome.BLOCKED:
            # The pause of the route stops it. Once the route is resumed, it is due at once.
            return RequestStatus.IN_FLIGHT, 0.0, False
        case Outcome.THROTTLED:
            return RequestStatus.IN_FLIGHT, throttle_delay(classification.retry_after, rng), False
        case Outcome.NEVER_SENT | Outcome.AMBIGUOUS:
            wait = max(retry_delay(attempt.failures + 1, rng), classification.retry_after or 0.0)
            # A probe serves the whole route: an outage must not use up the attempts of the request that was chosen.
            return RequestStatus.IN_FLIGHT, wait, not attempt.probe
