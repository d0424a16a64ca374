"""One tolerant reader for every shape of a webhook that the provider is known to send.

Versions 1 to 3 of the payload name the same things differently, an `externalId` comes with a number or without, a
status is a code or a word, everything may be wrapped in `data`, and anything may be missing or null. What is not
understood is journalled as it came and changes nothing: apart from `NotJson`, no body makes this module raise.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from gateway.domain.ids import ExternalIds
from gateway.domain.phone import is_e164, normalise
from gateway.domain.receipt import Event, Receipt, Source
from gateway.domain.status import DeliveryStatus
from gateway.provider.errors import NotJson

CODES = {
    1: DeliveryStatus.NONE,
    2: DeliveryStatus.NONE,
    3: DeliveryStatus.SENT,
    4: DeliveryStatus.DELIVERED,
    5: DeliveryStatus.FAILED,
    6: DeliveryStatus.FAILED,
    7: DeliveryStatus.UNKNOWN,
    8: DeliveryStatus.REJECTED,
    9: DeliveryStatus.UNDELIVERED,
    10: DeliveryStatus.FAILED,
    11: DeliveryStatus.FAILED,
    12: DeliveryStatus.FAILED,
    13: DeliveryStatus.REJECTED,
    14: DeliveryStatus.FAILED,
}
WORDS = {
    "queued": DeliveryStatus.NONE,
    "sending": DeliveryStatus.NONE,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "failed": DeliveryStatus.FAILED,
    "deliveryfailed": DeliveryStatus.FAILED,
    "unknown": DeliveryStatus.UNKNOWN,
    "rejected": DeliveryStatus.REJECTED,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "undeliverable": DeliveryStatus.UNDELIVERABLE,
}

NUMBER_FIELDS = ("toNumber", "destinationNumber", "to", "number", "recipient")
REPLY_NUMBER_FIELDS = ("fromNumber", "originationNumber")
REPLY_TO_FIELDS = ("toNumber", "destinationNumber")
TIME_FIELDS = ("timestamp", "deliveredAt", "date", "sentAt")
EVENTS = frozenset(Event) - {Event.OTHER}


def read(body: bytes, event: Event | None, external_ids: ExternalIds) -> Receipt:
    """Return the receipt in a body. `event` is what the address said; it wins over the body's own type.

    Raises `NotJson` for a body that is not JSON, and nothing else.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson("the body is not JSON") from None
    fields = _fields(content)
    kind = event if event in EVENTS else _event(fields)
    is_reply = kind is Event.MESSAGE_REPLY
    external_id = _text(fields.get("externalId"))
    request_id, generation = external_ids.read(external_id)
    return Receipt(
        digest=hashlib.sha256(kind.encode() + b"\0" + body).digest(),
        raw=body,
        source=Source.WEBHOOK,
        event=kind,
        number=_number(fields, REPLY_NUMBER_FIELDS if is_reply else NUMBER_FIELDS),
        external_id=external_id,
        request_id=request_id,
        generation=generation,
        delivery_status=_delivery_status(fields.get("status"), kind),
        provider_status=_text(fields.get("status")),
        provider_message_id=_text(fields.get("messageId")),
        happened_at=_moment(fields),
        reply_to_number=_number(fields, REPLY_TO_FIELDS) if is_reply else None,
        reply_text=_reply_text(fields.get("message")) if is_reply else None,
        provider_reply_id=_text(fields.get("replyId")) if is_reply else None,
    )


def read_status(status: object) -> DeliveryStatus | None:
    """Return the status that a code, digits, or a word in any case stands for; None for an undocumented one."""
    if isinstance(status, bool):
        return None
    if isinstance(status, int):
        return CODES.get(status)
    if isinstance(status, str):
        word = re.sub(r"[^a-z0-9]", "", status.lower())
        return CODES.get(int(word)) if word.isdigit() and len(word) < 4 else WORDS.get(word)
    return None


def read_time(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC, None for anything else; without an offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        # A year that Postgres or the arithmetic cannot represent.
        return None


def _fields(content: object) -> dict[str, Any]:
    """Return the object that holds the event: the body, its `data`, or the only entry of a list."""
    for _ in range(3):
        if isinstance(content, list) and len(content) == 1:
            content = content[0]
        elif isinstance(content, dict) and isinstance(content.get("data"), dict | list) and "status" not in content:
            content = content["data"]
    return content if isinstance(content, dict) else {}


def _event(fields: dict[str, Any]) -> Event:
    word = re.sub(r"[^a-z]+", "-", str(fields.get("type", "")).lower()).strip("-")
    if word in EVENTS:
        return Event(word)
    if "status" in fields:
        return Event.DELIVERY_STATUS
    return Event.MESSAGE_REPLY if "replyId" in fields else Event.OTHER


def _delivery_status(status: object, kind: Event) -> DeliveryStatus | None:
    if kind is Event.MESSAGE_SEND:
        return DeliveryStatus.SENT
    return read_status(status) if kind is Event.DELIVERY_STATUS else None


def _number(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        given = fields.get(name)
        if given is None:
            continue
        number = given if isinstance(given, str) and is_e164(given) else normalise(given)
        if number is not None:
            return number
    return None


def _reply_text(value: object) -> str:
    return _clean(value if isinstance(value, str) else "")


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)[:200]
    return (text if text.isascii() and text.isprintable() else _clean(text)) or None


def _clean(text: str) -> str:
    """Return the text without what Postgres cannot store: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _moment(fields: dict[str, Any]) -> datetime | None:
    for name in TIME_FIELDS:
        moment = read_time(fields.get(name))
        if moment is not None:
            return moment
    return None
