"""From waiting messages to requests with their exact bytes. It does no I/O."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from gateway.domain.batching import BatchRules, pack
from gateway.domain.cost import cost
from gateway.domain.ids import ExternalIds, request_id
from gateway.domain.message import Message
from gateway.domain.reasons import NOT_ENCODABLE
from gateway.provider.protocol import Provider
from gateway.store.claims import NewRequest

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that share a request, with the parts of each."""

    messages: tuple[Message, ...]
    parts: tuple[int, ...]
    sender_id: int | None


@dataclass(frozen=True, slots=True)
class SenderAllowance:
    """The parts that one sender may send now."""

    pace: float
    """It protects the provider's queue, so one message may borrow from later: a long text must be sent some time."""
    day: float
    """What is left of the daily limit, which is never exceeded."""


def select_messages(
    messages: Sequence[Message],
    *,
    max_requests: int,
    max_recipients: int,
    coalesces: bool,
    sender: int | None,
    rules: BatchRules,
    allowance: SenderAllowance,
) -> list[Batch]:
    """Choose messages of one sender, in order, and batch them into at most `max_requests` requests."""
    pace, day = allowance.pace, allowance.day
    costs: dict[int, int] = {}
    allowed: list[Message] = []
    for message in messages:
        parts = cost(message).count
        if pace < 1:
            break
        if parts > day:
            continue
        pace, day = pace - parts, day - parts
        costs[message.id] = parts
        allowed.append(message)
    lanes_alone = () if coalesces else {message.lane for message in allowed}
    return [
        Batch(tuple(group), tuple(costs[m.id] for m in group), sender)
        for group in pack(allowed, rules, slots=max_requests, max_recipients=max_recipients, lanes_alone=lanes_alone)
    ]


def new_request_id() -> UUID:
    """Return an id that no request has had; see `gateway.domain.ids`."""
    return request_id(time.time_ns() // 1_000_000, secrets.randbits(74))


class RequestEncoder:
    """Gives each batch its request id and the exact bytes of its request."""

    def __init__(self, provider: Provider, external_ids: ExternalIds) -> None:
        self._provider = provider
        self._external_ids = external_ids

    def encode(self, batches: Sequence[Batch]) -> tuple[list[NewRequest], list[tuple[Message, str]]]:
        """Return the requests, and the messages that cannot be encoded, each with the reason.

        A message that breaks the encoder must break neither its neighbours nor the worker. So its batch is encoded one
        message at a time, and a message that fails alone is returned with the reason.
        """
        requests: list[NewRequest] = []
        failed: list[tuple[Message, str]] = []
        for batch in batches:
            try:
                requests.append(self._request(batch))
            except Exception as error:  # noqa: BLE001  the input comes from applications: any of it may be wrong
                log.warning("request_not_encoded", error=type(error).__name__, messages=len(batch.messages))
                if len(batch.messages) == 1:
                    failed.append((batch.messages[0], NOT_ENCODABLE.reason))
                    continue
                singles = [
                    Batch((message,), (parts,), batch.sender_id)
                    for message, parts in zip(batch.messages, batch.parts, strict=True)
                ]
                # The batch has the tokens of one request, and more would exceed the limit. So one message is sent now,
                # and the rest stay in the outbox.
                for single in singles:
                    made, bad = self.encode([single])
                    failed += bad
                    if made:
                        requests += made
                        break
        return requests, failed

    def _request(self, batch: Batch) -> NewRequest:
        first = batch.messages[0]
        new_id = new_request_id()
        external_id = self._external_ids.make(new_id, first.generation)
        return NewRequest(
            id=new_id,
            external_id=external_id,
            body=self._provider.encode(batch.messages, external_id=external_id),
            messages=batch.messages,
            parts=batch.parts,
            lane=first.lane,
            tenant=first.tenant,
            sender_id=batch.sender_id,
            generation=first.generation,
        )
