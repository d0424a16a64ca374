"""What the gateway asks of a provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.message import Message
from gateway.domain.outcome import Answer, RateHeaders

ROUTES = ("mta",)
"""Names of the ways out: one for each provider that the gateway can speak to."""


class Event(StrEnum):
    """What a provider can tell by webhook."""

    DELIVERY_STATUS = "delivery-status"
    MESSAGE_REPLY = "message-reply"
    MESSAGE_SEND = "message-send"
    NUMBER_OPT_IN = "number-opt-in"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is, and what the answer to that question says of the provider."""

    name: str
    rate: RateHeaders | None = None
    """Of management calls."""
    clock: datetime | None = None
    """The provider's own, to the second."""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One line of the provider's delivery listing."""

    number: str | None
    external_id: str | None
    provider_message_id: str | None
    status: str | None
    happened_at: str | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration, as the provider lists it. The secret can't be read back."""

    id: int
    event: str
    url: str
    alert_email: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookSpec:
    """A registration to make."""

    event: Event
    url: str
    secret: str
    alert_email: str | None = None
    most_per_minute: int = 6000


class Provider(Protocol):
    """A provider of text messages. Calls but `send` raise `gateway.provider.errors.ProviderError`."""

    @property
    def name(self) -> str:
        """The route's name in rows and metrics."""

    async def verify(self) -> Account:
        """Check the key; raises `KeyRefused` for a wrong one."""

    async def choose_default_sender(self) -> int | None:
        """Make the account's first sending number the default, and return its id; None when it has none."""

    async def sender_numbers(self) -> list[int]:
        """Return the ids of all of the account's sending numbers."""

    def sender(self, sender_id: int | None) -> int | None:
        """Return the sending number of messages that name this one; None and 0 stand for the default."""

    def encode(self, messages: Sequence[Message], *, external_id: str) -> bytes:
        """Return the exact body of a request; raises `ValueError` for messages that can't share one."""

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        """Make one attempt; never raises for anything that the network or the provider does.

        After the moment `by` of `gateway.clock` the first byte must not be written; the answer is then `HELD_BACK`.
        """

    async def deliveries(self, *, since: date, until: date, page: int, page_size: int) -> list[DeliveryRow]:
        """Return one page of the delivery listing, newest first."""

    async def webhooks(self) -> list[Webhook]:
        """Return every registration of the account."""

    async def register_webhook(self, spec: WebhookSpec) -> Webhook:
        """Make a registration; the provider makes a second one if asked twice."""

    async def delete_webhook(self, webhook_id: int) -> None:
        """Take a registration away."""

    async def unsubscribed(self, page: int) -> list[str]:
        """Return one page of numbers that opted out at the provider."""

    async def close(self) -> None:
        """Close connections."""
