"""Which webhook registrations there should be, and what to do about the existing ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.provider.protocol import Webhook, WebhookReader, WebhookSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or to know."""

    what: Literal["register", "keep", "other"]
    event: str
    url: str
    webhook_id: int | None = None
    spec: WebhookSpec | None = None


def desired_webhooks(
    reader: WebhookReader, base: str, secret: str, alert_email: str | None, max_per_minute: int
) -> list[WebhookSpec]:
    """Return one registration for each event, at an address of its own, so that the body need not name its event."""
    return [WebhookSpec(event, f"{base}/{event.value}", secret, alert_email, max_per_minute) for event in reader.events]


def plan(wanted: Sequence[WebhookSpec], found: Sequence[Webhook]) -> list[Step]:
    """Return what to do: register what is missing, keep what exists, and show other addresses of the same events.

    The provider would make a second registration for the same event and address, and call both. Its list does not show
    secrets, so an existing registration is assumed to have the right one.
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
