"""When an answer says to come back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.provider.mta.headers import rate_headers, retry_after

WINDOW = 15.0
NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "86400"}, 30.0),
        ({"Retry-After": "7000"}, 7.0),
        ({"Retry-After": "Fri, 01 May 2026 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Fri, 01 May 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"RateLimit-Reset": "9000"}, 9.0),
        ({"X-RateLimit-Reset": "9"}, 9.0),
    ],
)
def test_a_wait_is_read_in_whatever_unit_and_clamped(headers: dict[str, str], seconds: float | None) -> None:
    rate = rate_headers(headers, window=WINDOW)
    assert retry_after(headers, window=WINDOW, rate=rate, now=lambda: NOON) == seconds


@given(st.dictionaries(st.sampled_from(["Retry-After", "RateLimit-Reset", "RateLimit-Remaining"]), st.text()))
def test_nonsense_never_raises_and_never_waits_long(headers: dict[str, str]) -> None:
    seconds = retry_after(headers, window=WINDOW, rate=rate_headers(headers, window=WINDOW))
    assert seconds is None or 0.0 <= seconds <= 2 * WINDOW


def test_what_remains_is_read_from_either_family() -> None:
    rate = rate_headers({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4000"}, window=WINDOW)
    assert rate is not None
    assert (rate.remaining, rate.reset) == (0, 4.0)
