"""What the gateway asks of a provider.

`ProviderKind` is what is known without an account: how to read webhooks, what fits into a request, what reasons mean.
`Provider` is a client of one account. Everything that is one provider's own (field names, status codes, signatures,
limits of a request, texts of answers) stays behind these two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from gateway.domain.batching import BatchRules
from gateway.domain.ids import ExternalIds
from gateway.domain.message import Message
from gateway.domain.outcome import Answer, Classification, History, RateHeaders
from gateway.domain.reasons import ReasonCode
from gateway.domain.receipt import Event, Receipt
from gateway.domain.status import DeliveryStatus

TRANSIT_SECONDS = 1.0
"""How long a request that was written may be on its way to the provider.

A client aborts a connection on which something was not acknowledged for this long, so that the network cannot deliver
it later. What remains is a process that freezes between its last look at the clock and the write."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is, and what the answer to that question shows of the provider."""

    name: str
    rate: RateHeaders | None = None
    """Of management calls."""
    clock: datetime | None = None
    """The provider's own, to the second."""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One row of the provider's delivery listing, read as far as it can be."""

    external_id: str | None
    number: str | None
    """E.164."""
    delivery_status: DeliveryStatus | None
    provider_status: str | None
    provider_message_id: str | None
    happened_at: datetime | None
    raw: bytes
    """The row as the journal keeps it: equal for equal rows, on whatever page they are read."""


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
    max_per_minute: int = 6000


class WebhookReader(Protocol):
    """Reads a provider's webhooks. It needs no account: the listener runs without a key."""

    @property
    def path(self) -> str:
        """Where the provider's webhooks arrive; below it each event has an address of its own."""

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event that the provider can report."""

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of a signed call, as the provider would send them."""

    def is_authentic(self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the call was signed with one of the secrets; two are in use while they rotate."""

    def read(self, body: bytes, event: Event | None, external_ids: ExternalIds) -> Receipt:
        """Return the receipt in a body. `event` is what the address said; None leaves it to the body.

        Raises `gateway.provider.errors.NotJson` for a body that is not JSON, and nothing else.
        """


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """What is known of a provider without an account."""

    route: str
    """The route's name in rows, metrics and commands."""
    webhooks: WebhookReader
    reasons: Mapping[str, tuple[ReasonCode, ...]]
    """Codes that only this provider's answers lead to, by the heading under which they are explained."""
    key_setting: str
    url_setting: str
    """Names of settings, for sentences that tell an operator what to change."""


class Provider(Protocol):
    """A client of one account. Calls other than `send` raise `gateway.provider.errors.ProviderError`."""

    @property
    def kind(self) -> ProviderKind:
        """What is known of the provider without the account."""

    @property
    def route(self) -> str:
        """The route's name in rows and metrics."""

    @property
    def batch_rules(self) -> BatchRules:
        """What fits into one request."""

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

    def classify(self, answer: Answer, history: History) -> Classification:
        """Return what an answer of `send` means, given what earlier attempts of the same request id left open."""

    async def deliveries(self, *, since: date, until: date, page: int, page_size: int) -> list[DeliveryRow]:
        """Return one page of the delivery listing, newest first."""

    async def webhooks(self) -> list[Webhook]:
        """Return every registration of the account."""

    async def register_webhook(self, spec: WebhookSpec) -> Webhook:
        """Make a registration; the provider makes a second one if asked twice."""

    async def delete_webhook(self, webhook_id: int) -> None:
        """Delete a registration."""

    async def unsubscribed(self, page: int) -> list[str]:
        """Return one page of numbers that opted out at the provider."""

    async def close(self) -> None:
        """Close connections."""
