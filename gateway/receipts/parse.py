"""One tolerant reader for every shape in which the provider is known to write an event.

Versions 1 to 3 of the payload name the same things differently, an `externalId` comes with a number or without, a
status is a code or a word, everything may be wrapped in `data`, and anything may be missing or null. What is not
understood is journalled as it came and changes nothing: this module never raises for a body.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.domain.ids import NO_PREFIX, ExternalIds
from gateway.domain.phone import is_e164, normalise
from gateway.domain.status import DeliveryStatus

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
TIME_FIELDS = ("timestamp", "deliveredAt", "date", "sentAt")
EVENTS = ("delivery-status", "message-reply", "message-send", "number-opt-in")


class NotJson(ValueError):
    """The body is not JSON at all."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One event as it is journalled."""

    event: str
    digest: bytes
    raw: bytes
    source: str = "webhook"
    number: str | None = None
    external_id: str | None = None
    request_id: UUID | None = None
    generation: int | None = None
    delivery: DeliveryStatus | None = None
    status: str | None = None
    provider_message_id: str | None = None
    happened_at: datetime | None = None
    reply: "Reply | None" = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a phone wrote back."""

    from_number: str
    to_number: str | None
    text: str
    provider_reply_id: str | None


def parse(body: bytes, event: str | None, *, external_ids: ExternalIds = NO_PREFIX, source: str = "webhook") -> Receipt:
    """Return the receipt in a body. `event` is what the address said; it wins over the body's own type.

    Raises `NotJson` for a body that is not JSON, and nothing else.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson("the body is not JSON") from None
    fields = _fields(content)
    kind = event if event in EVENTS else _event(fields)
    external_id = _text(fields.get("externalId"))
    request_id, generation = external_ids.read(external_id)
    status = _text(fields.get("status"))
    return Receipt(
        event=kind,
        digest=hashlib.sha256(kind.encode() + b"\0" + body).digest(),
        raw=body,
        source=source,
        number=_number(fields, "fromNumber" if kind == "message-reply" else None),
        external_id=external_id,
        request_id=request_id,
        generation=generation,
        delivery=DeliveryStatus.SENT if kind == "message-send" else _delivery(fields.get("status"), kind),
        status=status,
        provider_message_id=_text(fields.get("messageId")),
        happened_at=_moment(fields),
        reply=_reply(fields) if kind == "message-reply" else None,
    )


def read_status(status: object) -> DeliveryStatus | None:
    """Return what a status says, None for one that nobody has documented: code, digits, or word in any case."""
    if isinstance(status, bool):
        return None
    if isinstance(status, int):
        return CODES.get(status)
    if isinstance(status, str):
        word = re.sub(r"[^a-z0-9]", "", status.lower())
        return CODES.get(int(word)) if word.isdigit() and len(word) < 4 else WORDS.get(word)
    return None


def read_time(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC, None for anything else; without an offset it is taken for UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        # A year that Postgres or the arithmetic cannot take is no time.
        return None


def _fields(content: object) -> dict[str, Any]:
    """Return the object that holds the event: the body, its `data`, or the only entry of a list."""
    for _ in range(3):
        if isinstance(content, list) and len(content) == 1:
            content = content[0]
        elif isinstance(content, dict) and isinstance(content.get("data"), dict | list) and "status" not in content:
            content = content["data"]
    return content if isinstance(content, dict) else {}


def _event(fields: dict[str, Any]) -> str:
    kind = re.sub(r"[^a-z]+", "-", str(fields.get("type", "")).lower()).strip("-")
    if kind in EVENTS:
        return kind
    if "status" in fields:
        return "delivery-status"
    return "message-reply" if "replyId" in fields else "other"


def _delivery(status: object, kind: str) -> DeliveryStatus | None:
    return read_status(status) if kind == "delivery-status" else None


def _number(fields: dict[str, Any], first: str | None) -> str | None:
    for name in (first,) if first else NUMBER_FIELDS:
        given = fields.get(name)
        if given is None:
            continue
        number = given if isinstance(given, str) and is_e164(given) else normalise(given)
        if number is not None:
            return number
    return None


def _reply(fields: dict[str, Any]) -> Reply | None:
    sender = normalise(fields.get("fromNumber")) or normalise(fields.get("originationNumber"))
    if sender is None:
        return None
    text = fields.get("message")
    return Reply(
        from_number=sender,
        to_number=normalise(fields.get("toNumber")) or normalise(fields.get("destinationNumber")),
        text=_clean(text if isinstance(text, str) else ""),
        provider_reply_id=_text(fields.get("replyId")),
    )


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
