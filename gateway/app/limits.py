"""From the settings to the limits of the limiter's buckets."""

from gateway.dispatch.budget import Limits
from gateway.settings import Settings
from gateway.store.buckets import Limit, LimitKind, management_bucket, requests_bucket

MINUTE = 60.0
DAY = 86400.0


def sending_limits(settings: Settings, route: str) -> Limits:
    """Return the limits of requests and of parts."""
    requests = float(settings.request_limit - settings.request_spare)
    pace, day = settings.parts_per_minute, settings.parts_per_day
    return Limits(
        route,
        requests=Limit(requests_bucket(route), requests, settings.request_window, reserves=True),
        parts=Limit("parts", float(pace), MINUTE, LimitKind.PACE) if pace else None,
        parts_per_day=Limit("day", float(day), DAY, shared=False) if day else None,
    )


def management_limit(settings: Settings, route: str) -> Limit:
    """Return the bucket for calls that are not sends; the provider counts them per address."""
    return Limit(management_bucket(route), float(settings.management_limit), MINUTE)
