"""The message: one row of `smsgw.outbox`, one recipient, the unit of delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets the message: exactly one of the three is set."""

    number: str | None = None
    """E.164, as stored."""
    subscriber_id: int | None = None
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the claim reads it: what is needed to select it, encode it and count its parts."""

    id: int
    lane: str
    tenant: str
    recipient: Recipient
    body: str | None = None
    template_id: int | None = None
    link_id: int | None = None
    media_url: str | None = None
    variables: Mapping[str, Any] | None = None
    sender_id: int | None = None
    tags: Mapping[str, str] | None = None
    generation: int = 0
    """Grows only when an operator or the lane decides to resend although an earlier request may have arrived."""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Segments:
    """The cost of one message: `count` parts of an SMS, or one MMS."""

    count: int
    encoding: str
    """`gsm7`, `ucs2` or `mms`."""
