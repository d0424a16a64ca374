"""From waiting messages to requests with their exact bytes: no I/O, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from gateway.domain.batching import pack
from gateway.domain.cost import cost
from gateway.domain.ids import external_id
from gateway.domain.message import Message
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
    """The parts that one sending number may send now."""

    pace: float
    """Protects the provider's queue, so one message may borrow from its future: a long text must go some time."""
    quota: float
    """A cap that is never passed."""


def select_messages(
    messages: Sequence[Message],
    *,
    slots: int,
    max_recipients: int,
    coalesces: bool,
    sender: int | None,
    room: SenderAllowance,
) -> list[Batch]:
    """Choose messages of one sending number, in order, and group them into at most `slots` requests."""
    pace, quota = room.pace, room.quota
    costs: dict[int, int] = {}
    allowed: list[Message] = []
    for message in messages:
        parts = cost(message).count
        if pace < 1:
            break
        if parts > quota:
            continue
        pace, quota = pace - parts, quota - parts
        costs[message.id] = parts
        allowed.append(message)
    lanes_alone = () if coalesces else {message.lane for message in allowed}
    return [
        Batch(tuple(group), tuple(costs[m.id] for m in group), sender)
        for group in pack(allowed, slots=slots, max_recipients=max_recipients, alone=lanes_alone)
    ]


def encode(
    picked: Sequence[Batch],
    provider: Provider,
    *,
    prefix: str,
    new_id: Callable[[], UUID],
    default_sender: int | None,
) -> tuple[list[NewRequest], list[tuple[Message, str]]]:
    """Give each group its id and its bytes; return the requests, and the messages that cannot be written down.

    A message that breaks the encoder must not take its neighbours with it, nor the worker: its group is tried one by
    one, and what fails alone is returned with the reason.
    """
    requests: list[NewRequest] = []
    failed: list[tuple[Message, str]] = []
    for group in picked:
        try:
            requests.append(_request(group, provider, prefix, new_id(), default_sender))
        except Exception as error:  # noqa: BLE001  the bytes of a stranger: anything may be wrong with them
            log.warning("request_not_encoded", error=type(error).__name__, messages=len(group.messages))
            if len(group.messages) == 1:
                failed.append((group.messages[0], "not_encodable: the message cannot be written as a request"))
                continue
            alone = [
                Batch((message,), (parts,), group.sender_id)
                for message, parts in zip(group.messages, group.parts, strict=True)
            ]
            # More requests than tokens were reckoned for would exceed the limit: one goes now, the rest stay.
            for single in alone:
                made, bad = encode([single], provider, prefix=prefix, new_id=new_id, default_sender=default_sender)
                failed += bad
                if made:
                    requests += made
                    break
    return requests, failed


def _request(group: Batch, provider: Provider, prefix: str, request_id: UUID, default_sender: int | None) -> NewRequest:
    first = group.messages[0]
    name = external_id(prefix, request_id, first.generation)
    return NewRequest(
        id=request_id,
        external_id=name,
        body=provider.encode(group.messages, external_id=name, default_sender=default_sender),
        messages=group.messages,
        parts=group.parts,
        lane=first.lane,
        tenant=first.tenant,
        sender_id=group.sender_id,
        generation=first.generation,
    )
