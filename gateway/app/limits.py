"""From the settings to the limiter's buckets."""

from gateway.settings import Settings
from gateway.store.buckets import MANAGEMENT, REQUESTS, Limit

START_WITHIN = 0.5
"""Seconds after a claim asked for its tokens in which an attempt must go on the wire; else it is given back."""

JOURNEY = 0.5
"""Seconds that a request may take longer than another one to arrive at the provider."""

MARGIN = START_WITHIN + JOURNEY
"""Seconds between a claim and the arrival of its request at the provider: what the limiter reckons with."""

MINUTE = 60.0
DAY = 86400.0


def request_limits(settings: Settings) -> tuple[Limit, ...]:
    """Return the buckets of which every request takes one token."""
    allowance = float(settings.request_limit - settings.request_spare)
    return (Limit(REQUESTS, allowance, settings.request_window, MARGIN),)


def parts_limit(settings: Settings) -> Limit | None:
    """Return the pace of one sending number, None if there is none to keep."""
    if not settings.parts_per_minute:
        return None
    return Limit("parts", float(settings.parts_per_minute), MINUTE, paced=True)


def management_limit(settings: Settings) -> Limit:
    """Return the bucket for calls that are not sends; the provider counts them per address."""
    return Limit(MANAGEMENT, float(settings.management_limit), MINUTE, MARGIN)
