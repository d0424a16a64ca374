"""What each known answer means: a line for each."""

from typing import Any

import pytest

from gateway.domain.outcome import Answer, History, Outcome, Phase
from gateway.provider.mta.classify import classify
from gateway.provider.mta.response import MtaAnswer

FIRST = History(recipients=1, maybe_arrived=False, attempts=1)
BATCH = History(recipients=3, maybe_arrived=False, attempts=1)
AFTER_DOUBT = History(recipients=1, maybe_arrived=True, attempts=2)
AFTER_REFUSAL = History(recipients=1, maybe_arrived=False, attempts=2)


def answered(status: int, **changes: Any) -> Answer:
    return MtaAnswer(**({"phase": Phase.ANSWERED, "duration": 0.1, "status": status, "readable": True} | changes))


@pytest.mark.parametrize(
    ("answer", "history", "outcome", "reason"),
    [
        (answered(200, total_sent=1), FIRST, Outcome.ACCEPTED, "accepted"),
        (answered(201, total_sent=1), FIRST, Outcome.ACCEPTED, "accepted"),
        (answered(200, total_sent=2), BATCH, Outcome.ACCEPTED, "shortfall"),
        (answered(200, total_sent=0), BATCH, Outcome.REFUSED, "sent_to_nobody"),
        (answered(200, readable=False), FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (answered(200, success_false=True), FIRST, Outcome.AMBIGUOUS, "success_false"),
        (answered(302), FIRST, Outcome.AMBIGUOUS, "http_302"),
        (answered(400), FIRST, Outcome.REFUSED, "bad_request"),
        (answered(401), FIRST, Outcome.BLOCKED, "unauthorized"),
        (answered(402), FIRST, Outcome.BLOCKED, "no_credit"),
        (answered(403), FIRST, Outcome.REFUSED, "forbidden"),
        (answered(403, account_level=True), FIRST, Outcome.BLOCKED, "account_restricted"),
        (answered(404), FIRST, Outcome.REFUSED, "not_found"),
        (answered(408), FIRST, Outcome.AMBIGUOUS, "http_408"),
        (answered(409), AFTER_DOUBT, Outcome.DUPLICATE, "duplicate"),
        (answered(409), AFTER_REFUSAL, Outcome.DUPLICATE_UNEXPECTED, "duplicate_unexpected"),
        (answered(409), FIRST, Outcome.DUPLICATE_UNEXPECTED, "duplicate_unexpected"),
        (answered(413), FIRST, Outcome.REFUSED, "too_large"),
        (answered(418), FIRST, Outcome.REFUSED, "http_418"),
        (answered(422), FIRST, Outcome.REFUSED, "unprocessable"),
        (answered(429), FIRST, Outcome.THROTTLED, "throttled"),
        (answered(500), FIRST, Outcome.AMBIGUOUS, "http_500"),
        (answered(502, readable=False), FIRST, Outcome.AMBIGUOUS, "http_502"),
        (answered(503), FIRST, Outcome.AMBIGUOUS, "http_503"),
        (Answer(Phase.NOT_SENT, 0.1, error="connect"), FIRST, Outcome.NEVER_SENT, "connect"),
        (Answer(Phase.MAYBE_SENT, 0.1, error="timeout_read"), FIRST, Outcome.AMBIGUOUS, "timeout_read"),
        (Answer(Phase.MAYBE_SENT, 0.1, error="reset"), FIRST, Outcome.AMBIGUOUS, "reset"),
    ],
)
def test_an_answer_means_one_thing(answer: Answer, history: History, outcome: Outcome, reason: str) -> None:
    classification = classify(answer, history)
    assert (classification.outcome, classification.reason) == (outcome, reason)


@pytest.mark.parametrize(("status", "splittable"), [(400, True), (413, True), (422, True), (403, True), (404, False)])
def test_a_refusal_that_may_concern_one_message_can_be_halved(status: int, splittable: bool) -> None:
    assert classify(answered(status), BATCH).splittable is splittable


def test_a_shortfall_is_counted_and_not_guessed() -> None:
    assert classify(answered(200, total_sent=1), BATCH).shortfall == 2


def test_a_wait_that_the_provider_asks_for_is_passed_on() -> None:
    assert classify(answered(429, retry_after=7.0), FIRST).retry_after == 7.0
