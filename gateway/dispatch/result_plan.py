"""From the answer of an attempt to what it means and what is stored: one decision, in one place."""

import random
from dataclasses import dataclass, replace

from gateway.dispatch.attempt import Attempt
from gateway.dispatch.sender import AnsweredAttempt
from gateway.domain.backoff import retry_delay, throttle_delay
from gateway.domain.outcome import Answer, Classification, Outcome
from gateway.domain.status import RequestStatus
from gateway.store.completions import AttemptResult

REFUSAL_THRESHOLD = 5
"""Consecutive refusals for reasons other than the content, without an acceptance in between, that stop the route.

A refusal may be about one message or about the account, and the answer does not always show which. Each refusal fails
its messages, so many of them would fail the whole backlog. The fifth therefore pauses the route, like an answer that
names the account: its request keeps its place, and an operator decides.
"""

ACCEPTANCES = frozenset({Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE_UNEXPECTED})


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an attempt."""

    attempt: Attempt
    answer: Answer
    answered_at: float
    """By the local clock."""
    classification: Classification
    """What the answer means in the end; metrics, logs, the limiter and the breaker all use this one."""
    result: AttemptResult
    split: bool
    """The request is split in two instead of failing: one of its messages was refused, and it is not known which."""
    refusals: int
    """Consecutive refusals that are not about the content, including this one."""


def decide_result(
    answered: AnsweredAttempt, classification: Classification, refusals: int, rng: random.Random
) -> Decision:
    """Decide what an answer means, given how many refusals in a row came before it; it changes nothing.

    docs/design.md, "Outcomes of an attempt", has the table.
    """
    attempt, answer = answered.attempt, answered.answer
    refusals = _count_refusals(refusals, classification)
    if classification.outcome is Outcome.REFUSED and refusals >= REFUSAL_THRESHOLD and not classification.about_content:
        classification = replace(
            classification,
            outcome=Outcome.BLOCKED,
            reason="refused_in_a_row",
            sentence=f"{refusals} consecutive requests were refused, the last with status {answer.status}",
            splittable=False,
        )
    result = _result(attempt, answer, classification, rng)
    return Decision(
        attempt,
        answer,
        answered.answered_at,
        classification,
        result,
        split=result.status is RequestStatus.REJECTED and classification.splittable and attempt.recipients > 1,
        refusals=refusals,
    )


def _count_refusals(refusals: int, classification: Classification) -> int:
    if classification.outcome in ACCEPTANCES:
        return 0
    return refusals + (classification.outcome is Outcome.REFUSED and not classification.about_content)


def _result(attempt: Attempt, answer: Answer, classification: Classification, rng: random.Random) -> AttemptResult:
    """Return what `complete_attempts.sql` stores."""
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
        token=attempt.claim_token,
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
