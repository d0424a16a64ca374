"""From the settings to the limits of the limiter's buckets."""

from gateway.dispatch.budget import Limits
from gateway.settings import Settings
from gateway.store.buckets import Limit, management_bucket, requests_bucket

START_WITHIN = 0.5
"""Seconds after a claim took its tokens within which an attempt must be sent. Otherwise it is released."""

MAX_TRANSIT_DIFFERENCE = 0.5
"""Seconds that one request may take longer than another to arrive at the provider."""

MARGIN = START_WITHIN + MAX_TRANSIT_DIFFERENCE
"""Seconds between a claim and the arrival of its request at the provider, as the limiter assumes."""

MINUTE = 60.0
DAY = 86400.0


def sending_limits(settings: Settings, route: str) -> Limits:
    """Return the limits of requests and of parts."""
    requests = float(settings.request_limit - settings.request_spare)
    pace, day = settings.parts_per_minute, settings.parts_per_day
    return Limits(
        route,
        per_request=(Limit(requests_bucket(route), requests, settings.request_window, MARGIN),),
        parts=Limit("parts", float(pace), MINUTE, paced=True) if pace else None,
        parts_per_day=Limit("day", float(day), DAY, quota=True) if day else None,
    )


def management_limit(settings: Settings, route: str) -> Limit:
    """Return the bucket for calls that are not sends; the provider counts them per address."""
    return Limit(management_bucket(route), float(settings.management_limit), MINUTE, MARGIN)
