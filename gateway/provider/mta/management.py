"""Bodies of the management calls: webhooks, deliveries, numbers, opt-outs."""

import json
from typing import Any

from gateway.provider.errors import ProviderUnreachable
from gateway.provider.protocol import DeliveryRow, Webhook, WebhookSpec


def read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a successful answer; an empty body is an empty object (a delete may answer 204)."""
    if not content.strip():
        return {}
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProviderUnreachable(
            "the provider's answer cannot be read; something between us may have answered instead"
        )
    return value


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    rows = data.get("rows") if isinstance(data, dict) else data
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and str(value) else None


def senders(answer: dict[str, Any]) -> list[int]:
    """Return the ids of all sending numbers."""
    ids = [row.get("id") for row in _rows(answer)]
    return [one for one in ids if isinstance(one, int) and not isinstance(one, bool)]


def delivery_rows(answer: dict[str, Any]) -> list[DeliveryRow]:
    """Return the rows of a delivery listing."""
    return [
        DeliveryRow(
            number=_text(row.get("to")),
            external_id=_text(row.get("externalId")),
            provider_message_id=_text(row.get("messageId")),
            status=_text(row.get("status")),
            happened_at=_text(row.get("date")),
        )
        for row in _rows(answer)
    ]


def webhook_rows(answer: dict[str, Any]) -> list[Webhook]:
    """Return the registrations of a listing."""
    return [
        Webhook(
            id=row["id"],
            event=str(row.get("event")),
            url=str(row.get("url")),
            alert_email=row.get("alertEmail"),
        )
        for row in _rows(answer)
        if isinstance(row.get("id"), int)
    ]


def webhook_body(spec: WebhookSpec) -> dict[str, Any]:
    """Return a registration. Retry and throughput are always set: the documentation leaves their defaults open."""
    body: dict[str, Any] = {
        "event": spec.event.value,
        "url": spec.url,
        "secret": spec.secret,
        "retryOnError": True,
        "maxThroughputPerMinute": spec.most_per_minute,
    }
    if spec.alert_email is not None:
        body |= {"alertEmail": spec.alert_email, "sendAlertEmail": True}
    return body


def unsubscribed_numbers(answer: dict[str, Any]) -> list[str]:
    """Return the numbers of a listing of opt-outs."""
    return [str(row["number"]) for row in _rows(answer) if row.get("number")]
