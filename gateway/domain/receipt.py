"""Receipts in the gateway's own words, whichever provider sent them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from gateway.domain.status import DeliveryStatus


class Event(StrEnum):
    """What a receipt is about; also the last part of a webhook's address."""

    DELIVERY_STATUS = "delivery-status"
    MESSAGE_REPLY = "message-reply"
    MESSAGE_SEND = "message-send"
    NUMBER_OPT_IN = "number-opt-in"
    OTHER = "other"
    """None that we know: journalled as it came."""


class Source(StrEnum):
    """How a receipt reached the gateway."""

    WEBHOOK = "webhook"
    POLL = "poll"


class Receipt(NamedTuple):
    """One event as it is journalled: these are the columns of `smsgw.receipt`, in the order of `journal_receipts.sql`.

    A tuple, because the columns of a batch are then one `zip`: nothing else is done as often for a receipt.
    """

    digest: bytes
    """Identifies the content, so that the same event is journalled once."""
    raw: bytes
    source: Source
    event: Event
    number: str | None = None
    """The recipient's number; of a reply the number that wrote it. E.164."""
    external_id: str | None = None
    request_id: UUID | None = None
    generation: int | None = None
    delivery_status: DeliveryStatus | None = None
    provider_status: str | None = None
    provider_message_id: str | None = None
    happened_at: datetime | None = None
    reply_to_number: str | None = None
    """The number that a reply was sent to."""
    reply_text: str | None = None
    provider_reply_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedReceipt:
    """What receipts did, counted together where they did the same."""

    source: str
    delivery_status: str | None
    result: str
    lane: str | None
    of_group: bool
    unread: bool
    """Delivery receipts whose status is not documented."""
    moves: bool
    """They moved their messages forward."""
    final_state: str | None
    """`delivered` or `undelivered` when they brought their messages there."""
    receipts: int
    since_accept: Sequence[float]
    """Seconds from the request's acceptance, of those where that is known."""
    since_ready: Sequence[float]
    """Seconds from when the message could go, of those that delivered it."""
