"""Bodies of the management calls: webhooks, deliveries, numbers, opt-outs."""

import json
from typing import Any

from gateway.domain.phone import normalise
from gateway.provider.errors import ProviderUnreachable
from gateway.provider.mta.events import read_status, read_time
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
        raise ProviderUnreachable("the provider's answer cannot be read; a proxy on the way may have answered instead")
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
    return [_delivery_row(row) for row in _rows(answer)]


def _delivery_row(row: dict[str, Any]) -> DeliveryRow:
    external_id, number = _text(row.get("externalId")), _text(row.get("to"))
    status, message_id, date = _text(row.get("status")), _text(row.get("messageId")), _text(row.get("date"))
    # The fields of a webhook, so that the journal holds one format.
    raw = {"externalId": external_id, "toNumber": number, "messageId": message_id, "status": status, "date": date}
    return DeliveryRow(
        external_id=external_id,
        number=normalise(number),
        delivery_status=read_status(status),
        provider_status=status,
        provider_message_id=message_id,
        happened_at=read_time(date),
        raw=json.dumps(raw, sort_keys=True).encode(),
    )


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
        "maxThroughputPerMinute": spec.max_per_minute,
    }
    if spec.alert_email is not None:
        body |= {"alertEmail": spec.alert_email, "sendAlertEmail": True}
    return body


def unsubscribed_numbers(answer: dict[str, Any]) -> list[str]:
    """Return the numbers of a listing of opt-outs."""
    return [str(row["number"]) for row in _rows(answer) if row.get("number")]
