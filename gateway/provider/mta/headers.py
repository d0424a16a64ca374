"""The headers of an answer that tell when to try again.

The provider documents `Retry-After` in seconds and `RateLimit-Reset` in milliseconds, the second against the custom
of the rest of the world. A wait that is wrong by a factor of a thousand must not hold the gateway for hours, so
everything is clamped to two windows, and a reset that makes no sense in seconds is read as milliseconds.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.domain.outcome import RateHeaders


def retry_after(
    headers: Mapping[str, str],
    *,
    window: float,
    rate: RateHeaders | None,
    now: Callable[[], datetime] | None = None,
) -> float | None:
    """Return the seconds to wait, within `[0, 2 × window]`; None if the answer does not tell.

    Understands seconds and an HTTP date (RFC 9110 §10.2.3); falls back to the window's reset,
    of `rate` as `rate_headers` read it.
    """
    value = headers.get("Retry-After")
    if value is not None:
        seconds = _number(value)
        if seconds is None:
            seconds = _until(value, now() if now is not None else datetime.now(UTC))
        if seconds is not None:
            if seconds > 1000 and seconds / 1000 <= 2 * window:
                seconds /= 1000
            return min(max(seconds, 0.0), 2 * window)
    return rate.reset if rate is not None else None


def rate_headers(headers: Mapping[str, str], *, window: float) -> RateHeaders | None:
    """Return what either family of rate headers reports; None if neither is present or makes sense."""
    limit = _either(headers, "RateLimit-Limit", "X-RateLimit-Limit")
    remaining = _either(headers, "RateLimit-Remaining", "X-RateLimit-Remaining")
    reset = _either(headers, "RateLimit-Reset", "X-RateLimit-Reset")
    if limit is None and remaining is None and reset is None:
        return None
    if reset is not None:
        if reset > 2 * window:
            reset /= 1000.0
        reset = min(max(reset, 0.0), 2 * window)
    return RateHeaders(_whole(limit), _whole(remaining), reset)


def http_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the provider's clock, None where its answer does not carry it."""
    try:
        moment = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _either(headers: Mapping[str, str], name: str, other: str) -> float | None:
    value = headers.get(name)
    if value is None:
        value = headers.get(other)
    return None if value is None else _number(value)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
