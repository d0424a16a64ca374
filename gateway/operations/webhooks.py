"""Which registrations there should be, and what to do about those there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.provider.protocol import Event, Webhook, WebhookSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or to know."""

    what: Literal["register", "keep", "other"]
    event: str
    url: str
    webhook_id: int | None = None
    spec: WebhookSpec | None = None


def desired_webhooks(base: str, secret: str, alert_email: str | None, per_minute: int) -> list[WebhookSpec]:
    """Return one registration for each event, at an address of its own: the payload's own type is not documented."""
    return [WebhookSpec(event, f"{base}/{event.value}", secret, alert_email, per_minute) for event in Event]


def plan(wanted: Sequence[WebhookSpec], found: Sequence[Webhook]) -> list[Step]:
    """Return what to do: register what is missing, keep what is there, and point at what else is called.

    The provider would make a second registration for the same event and address, and call both; its list does not show
    secrets, so one that is there is taken to be right.
    """
    steps = []
    for spec in wanted:
        same = [row for row in found if row.event == spec.event.value and row.url == spec.url]
        others = [row for row in found if row.event == spec.event.value and row.url != spec.url]
        steps += [Step("keep", row.event, row.url, row.id) for row in same]
        if not same:
            steps.append(Step("register", spec.event.value, spec.url, spec=spec))
        steps += [Step("other", row.event, row.url, row.id) for row in others]
    return steps
