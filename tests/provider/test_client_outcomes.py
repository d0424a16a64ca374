"""What each known answer of the provider means, from its very bytes: a line for each.

The lines follow the provider's error catalogue and what its documentation leaves open.
"""

import json
from typing import Any

import pytest

from gateway.domain.outcome import Answer, Classification, History, Outcome, Phase
from gateway.provider.mta.classify import classify
from gateway.provider.mta.response import read_answer

WINDOW = 15.0

FIRST = History(recipients=1, maybe_arrived=False, attempts=1)
BATCH = History(recipients=3, maybe_arrived=False, attempts=1)
AFTER_REFUSALS = History(recipients=1, maybe_arrived=False, attempts=3)
AFTER_DOUBT = History(recipients=1, maybe_arrived=True, attempts=2)

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"


def yes(**data: Any) -> bytes:
    values = {"messageId": "5f0c0f7e-3d52-4c5a-9a38-7a0f6c2b1e44", "totalSent": 1, "outboundIds": [271400001]} | data
    return json.dumps({"message": "Message Sent.", "data": {k: v for k, v in values.items() if v is not None}}).encode()


def no(status: int, **changes: Any) -> bytes:
    error = {
        "httpCode": status, "message": "no", "timestamp": "2026-05-01T13:43:09-05:00", "type": "x_error",
        "name": "MTAError", "requestId": "1b7c0a52-6c1e-4a0e-8b6f-0d2f6a7d9e10", "reason": None,
    }  # fmt: skip
    return json.dumps(error | changes).encode()


def classification(status: int, headers: dict[str, str], body: bytes, history: History) -> Classification:
    return classify(read_answer(status, headers, body, window=WINDOW, duration=0.1), history)


@pytest.mark.parametrize(
    ("status", "body", "history", "outcome", "reason"),
    [
        # A yes, and what it counts.
        (200, yes(), FIRST, Outcome.ACCEPTED, "accepted"),
        (201, yes(), FIRST, Outcome.ACCEPTED, "accepted"),
        (200, yes(), AFTER_DOUBT, Outcome.ACCEPTED, "accepted"),
        (200, yes(totalSent=3), BATCH, Outcome.ACCEPTED, "accepted"),
        (200, yes(totalSent=2), BATCH, Outcome.ACCEPTED, "shortfall"),
        (200, yes(totalSent=2, totalFailedInternationalRecipients=1), BATCH, Outcome.ACCEPTED, "shortfall"),
        (200, yes(totalSent=7), BATCH, Outcome.ACCEPTED, "accepted"),
        (200, yes(totalSent=0), FIRST, Outcome.REFUSED, "sent_to_nobody"),
        (200, yes(totalSent=0), BATCH, Outcome.REFUSED, "sent_to_nobody"),
        (200, yes(totalSent=0, messageId=None, outboundIds=[]), BATCH, Outcome.REFUSED, "sent_to_nobody"),
        (200, yes(messageId=None), FIRST, Outcome.ACCEPTED, "accepted"),
        (200, yes(messageId=17), FIRST, Outcome.ACCEPTED, "accepted"),
        (200, yes(totalSent=None), FIRST, Outcome.ACCEPTED, "accepted"),
        (200, yes(totalSent="1"), FIRST, Outcome.ACCEPTED, "accepted"),
        # A yes that is none: whether it was sent is not known.
        (200, b"", FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, HTML, FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, yes()[:40], FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b"[]", FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b'{"data": {}}', FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b'{"message": "Message Sent."}', FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b"\xff\xfe{}", FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b"[" * 100_000, FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (204, b"", FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (200, b'{"success": false, "data": {"totalSent": 1}}', FIRST, Outcome.AMBIGUOUS, "success_false"),
        (200, b'{"success": false, "error": "busy"}', FIRST, Outcome.AMBIGUOUS, "unreadable_answer"),
        (302, HTML, FIRST, Outcome.AMBIGUOUS, "http_302"),
        # A no about what was asked.
        (400, no(400), FIRST, Outcome.REFUSED, "bad_request"),
        (400, HTML, FIRST, Outcome.REFUSED, "bad_request"),
        (404, no(404), FIRST, Outcome.REFUSED, "not_found"),
        (404, HTML, FIRST, Outcome.REFUSED, "not_found"),
        (405, HTML, FIRST, Outcome.REFUSED, "not_allowed"),
        (413, HTML, FIRST, Outcome.REFUSED, "too_large"),
        (422, no(422), FIRST, Outcome.REFUSED, "unprocessable"),
        (403, no(403), FIRST, Outcome.REFUSED, "forbidden"),
        (403, HTML, FIRST, Outcome.REFUSED, "forbidden"),
        # A no about the account.
        (401, no(401), FIRST, Outcome.BLOCKED, "unauthorized"),
        (401, HTML, FIRST, Outcome.BLOCKED, "unauthorized"),
        (402, no(402), FIRST, Outcome.BLOCKED, "no_credit"),
        (402, no(402), AFTER_DOUBT, Outcome.BLOCKED, "no_credit"),
        (403, no(403, reason="account_suspended"), FIRST, Outcome.BLOCKED, "account_restricted"),
        (403, no(403, message="Unverified accounts cannot send"), FIRST, Outcome.BLOCKED, "account_restricted"),
        (403, no(403, message="Your trial does not allow this"), FIRST, Outcome.BLOCKED, "account_restricted"),
        # The id was seen before, in each of its histories.
        (409, no(409), AFTER_DOUBT, Outcome.DUPLICATE, "duplicate"),
        (409, no(409), AFTER_REFUSALS, Outcome.DUPLICATE_UNEXPECTED, "duplicate_unexpected"),
        (409, no(409), FIRST, Outcome.DUPLICATE_UNEXPECTED, "duplicate_unexpected"),
        (409, HTML, AFTER_DOUBT, Outcome.DUPLICATE, "duplicate"),
        (409, b"", AFTER_DOUBT, Outcome.DUPLICATE, "duplicate"),
        # Too much, and too bad.
        (429, no(429), FIRST, Outcome.THROTTLED, "throttled"),
        (429, HTML, AFTER_DOUBT, Outcome.THROTTLED, "throttled"),
        (408, no(408), FIRST, Outcome.AMBIGUOUS, "http_408"),
        (500, no(500), FIRST, Outcome.AMBIGUOUS, "http_500"),
        (500, yes(), FIRST, Outcome.AMBIGUOUS, "http_500"),
        (502, HTML, FIRST, Outcome.AMBIGUOUS, "http_502"),
        (503, b"", FIRST, Outcome.AMBIGUOUS, "http_503"),
        (504, no(504)[:30], FIRST, Outcome.AMBIGUOUS, "http_504"),
        (418, b"{}", FIRST, Outcome.REFUSED, "http_418"),
        (599, b"{}", FIRST, Outcome.AMBIGUOUS, "http_599"),
    ],
)  # fmt: skip
def test_an_answer_means_one_thing(status: int, body: bytes, history: History, outcome: Outcome, reason: str) -> None:
    found = classification(status, {}, body, history)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "86400"}, 2 * WINDOW),
        ({"Retry-After": "9000"}, 9.0),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 01 May 2020 12:00:00 GMT"}, 0.0),
        ({"Retry-After": "Fri, 01 May 2099 12:00:00 GMT"}, 2 * WINDOW),
        ({"RateLimit-Reset": "9000"}, 9.0),
        ({"X-RateLimit-Reset": "12"}, 12.0),
        ({"X-RateLimit-Reset": "99999999999"}, 2 * WINDOW),
        ({"Retry-After": "soon", "RateLimit-Reset": "4000"}, 4.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_an_answer_asks_for(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert classification(status, headers, no(status), FIRST).retry_after == seconds


@pytest.mark.parametrize(
    ("phase", "code", "outcome"),
    [
        (Phase.NOT_SENT, "dns", Outcome.NEVER_SENT),
        (Phase.NOT_SENT, "connect", Outcome.NEVER_SENT),
        (Phase.NOT_SENT, "tls", Outcome.NEVER_SENT),
        (Phase.NOT_SENT, "timeout_connect", Outcome.NEVER_SENT),
        (Phase.NOT_SENT, "lost_beforehand", Outcome.NEVER_SENT),
        (Phase.HELD_BACK, "late", Outcome.NEVER_SENT),
        (Phase.MAYBE_SENT, "reset", Outcome.AMBIGUOUS),
        (Phase.MAYBE_SENT, "disconnected", Outcome.AMBIGUOUS),
        (Phase.MAYBE_SENT, "timeout_read", Outcome.AMBIGUOUS),
        (Phase.MAYBE_SENT, "cut_off", Outcome.AMBIGUOUS),
        (Phase.MAYBE_SENT, "broken", Outcome.AMBIGUOUS),
    ],
)
@pytest.mark.parametrize("history", [FIRST, AFTER_DOUBT])
def test_a_call_without_an_answer_means_what_its_phase_proves(
    phase: Phase, code: str, outcome: Outcome, history: History
) -> None:
    found = classify(Answer(phase, 0.1, error=code), history)
    assert (found.outcome, found.reason) == (outcome, code)


def test_no_answer_of_the_provider_is_repeated_to_a_person() -> None:
    quoted = classification(400, {}, no(400, message="number +12025550123 is bad"), FIRST)
    assert "2025550123" not in f"{quoted}"
