"""Mobile Text Alerts, API v3."""

from gateway.provider.mta.client import MobileTextAlerts

__all__ = ["MobileTextAlerts"]
