"""From the settings to the limiter's buckets."""

from gateway.dispatch.budget import Limits
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


def sending_limits(settings: Settings) -> Limits:
    """Return what every request, and every part of a message, must be afforded by."""
    requests = float(settings.request_limit - settings.request_spare)
    pace, day = settings.parts_per_minute, settings.parts_per_day
    return Limits(
        per_request=(Limit(REQUESTS, requests, settings.request_window, MARGIN),),
        parts=Limit("parts", float(pace), MINUTE, paced=True) if pace else None,
        parts_per_day=Limit("day", float(day), DAY, quota=True) if day else None,
    )


def management_limit(settings: Settings) -> Limit:
    """Return the bucket for calls that are not sends; the provider counts them per address."""
    return Limit(MANAGEMENT, float(settings.management_limit), MINUTE, MARGIN)
