"""Which messages share a request.

The provider limits requests, not messages, so filling requests is the throughput lever; but a full request waits for
nobody and risks more at once. Hence *adaptive*: while there is a free slot (a token and a connection) for each waiting
message, each goes alone; as the backlog outgrows the slots, requests get just as full as they must.

`Slots` here means how many requests the caller may open now. The order of the messages is the claim order, and what
finds no place is simply not claimed: it keeps its place in the outbox.
"""

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.domain.message import Message

LIQUID_MARKERS = ("{{", "{%")

MAX_BODY_BYTES = 512 * 1024
"""No limit is documented; half a megabyte is far below what any HTTP server refuses, and 500 texts take a tenth."""

BYTES_PER_RECIPIENT = 48
"""What a recipient costs in the body beside its text: the number twice, and JSON's punctuation."""


@dataclass(slots=True)
class BatchDraft:
    """A request in the making."""

    key: Hashable
    messages: list[Message] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    size: int = 0

    def takes(self, message: Message, size: int, most: int) -> bool:
        """Whether the message may join: room left, and its number not yet in the request."""
        return (
            len(self.messages) < most
            and self.size + size <= MAX_BODY_BYTES
            and message.recipient.number not in self.numbers
        )

    def add(self, message: Message, size: int) -> None:
        """Put the message in."""
        self.messages.append(message)
        self.size += size
        if message.recipient.number is not None:
            self.numbers.add(message.recipient.number)


def has_liquid(text: str | None) -> bool:
    """Whether the provider would read a placeholder or a tag in the text."""
    return text is not None and any(marker in text for marker in LIQUID_MARKERS)


def group_key(message: Message) -> Hashable | None:
    """Return what must be equal for two messages to share a request; None for one that always goes alone.

    Everything that the provider takes per request is in the key. Texts need not be equal: plain ones travel as
    per-number values of `{{text}}`. A template (text with variables) is per request, so it must be the same text.
    Subscribers and groups go alone, because receipts name numbers and could not be told apart; so does a text that
    contains Liquid markers without variables, because how the provider treats them inside a value is undocumented.
    """
    if message.recipient.number is None:
        return None
    template = message.body if message.variables is not None else None
    if message.variables is None and has_liquid(message.body):
        return None
    return (
        message.lane,
        message.tenant,
        message.generation,
        message.sender_id,
        message.template_id,
        message.link_id,
        message.media_url,
        None if message.tags is None else json.dumps(dict(message.tags), sort_keys=True),
        template,
        message.body is None,
    )


def pack(
    messages: Sequence[Message], *, slots: int, max_recipients: int, alone: Iterable[str] = ()
) -> list[list[Message]]:
    """Distribute messages over at most `slots` requests, keeping claim order; what doesn't fit is left out.

    `alone` names the lanes in which every message gets a request of its own. The result has at most `slots` lists of
    at most `max_recipients` messages, no number twice in one list.
    """
    lanes_alone = frozenset(alone)
    fair_size = max(1, -(-len(messages) // max(1, slots)))
    drafts: list[BatchDraft] = []
    left = _fill(messages, drafts, slots, min(fair_size, max_recipients), lanes_alone)
    if left:
        # Every slot is open now: let requests grow beyond the fair size rather than leave messages behind.
        _fill(left, drafts, slots, max_recipients, lanes_alone)
    return [draft.messages for draft in drafts]


def _fill(
    messages: Sequence[Message], drafts: list[BatchDraft], slots: int, most: int, lanes_alone: frozenset[str]
) -> list[Message]:
    """Place messages into `drafts` up to `most` each, opening new ones while slots last; return those left."""
    newest = {draft.key: draft for draft in drafts}
    by_key: dict[Hashable, list[BatchDraft]] = {}
    for draft in drafts:
        by_key.setdefault(draft.key, []).append(draft)
    left: list[Message] = []
    for message in messages:
        key = None if message.lane in lanes_alone else group_key(message)
        size = BYTES_PER_RECIPIENT + _content_bytes(message)
        place = newest.get(key) if key is not None else None
        if place is not None and not place.takes(message, size, most):
            place = next((draft for draft in by_key[key] if draft.takes(message, size, most)), None)
        if place is None:
            if len(drafts) >= slots:
                left.append(message)
                continue
            place = BatchDraft(key=key if key is not None else object(), size=_shared_bytes(message))
            drafts.append(place)
            newest[place.key] = place
            by_key.setdefault(place.key, []).append(place)
        place.add(message, size)
    return left


def _content_bytes(message: Message) -> int:
    """Return what the message adds to the body of a request beside its number: its values, or its text as a value."""
    if message.variables is not None:
        return _json_bytes(dict(message.variables))
    return _json_bytes(message.body)


def _shared_bytes(message: Message) -> int:
    """Return what stands in the body once for all: a template, the tags, the address of an image."""
    template = message.body if message.variables is not None else None
    return _json_bytes([template, message.media_url, dict(message.tags or {})])


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
