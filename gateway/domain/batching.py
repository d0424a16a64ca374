"""Which messages share a request.

The provider limits requests, not messages, so full requests give throughput. But a full request has to wait until it
is full, and more is lost if it fails. So batching is *adaptive*: while each waiting message has a free slot (a token
and a connection), each gets a request of its own. As the backlog outgrows the slots, requests get just as full as they
must.

A slot is a request that the caller may open now. Messages come in claim order. A message that fits into no request is
not claimed and keeps its place in the outbox.
"""

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.domain.message import Message


@dataclass(frozen=True, slots=True)
class BatchRules:
    """What a provider accepts in one request."""

    max_body_bytes: int
    bytes_per_recipient: int
    """What a recipient adds to the body besides its text or its values."""
    template_markers: tuple[str, ...]
    """A text that contains one of these would be read as a template."""

    def is_template(self, text: str | None) -> bool:
        """Whether the provider would read a placeholder or a tag in the text."""
        return text is not None and any(marker in text for marker in self.template_markers)


@dataclass(slots=True)
class BatchDraft:
    """A request that is being filled."""

    key: Hashable
    messages: list[Message] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    size: int = 0

    def accepts(self, message: Message, size: int, max_recipients: int, max_bytes: int) -> bool:
        """Whether the message may join: there is room, and its number is not in the request yet."""
        return (
            len(self.messages) < max_recipients
            and self.size + size <= max_bytes
            and message.recipient.number not in self.numbers
        )

    def add(self, message: Message, size: int) -> None:
        """Add the message."""
        self.messages.append(message)
        self.size += size
        if message.recipient.number is not None:
            self.numbers.add(message.recipient.number)


def group_key(message: Message, rules: BatchRules) -> Hashable | None:
    """Return what must be equal for two messages to share a request; None for one that always goes alone.

    Everything that is set once per request is in the key. Texts need not be equal: they travel as values of each
    number. A template (a text with variables) is set per request, so it must be the same. Subscribers and groups go
    alone, because receipts name numbers and could not be matched. So does a text without variables that contains a
    template marker: how the provider reads a marker inside a value is not documented.
    """
    if message.recipient.number is None:
        return None
    template = message.body if message.variables is not None else None
    if message.variables is None and rules.is_template(message.body):
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
    messages: Sequence[Message],
    rules: BatchRules,
    *,
    slots: int,
    max_recipients: int,
    lanes_alone: Iterable[str] = (),
) -> list[list[Message]]:
    """Distribute messages over at most `slots` requests, in claim order; what doesn't fit is left out.

    In `lanes_alone` every message gets a request of its own. The result has at most `slots` lists of at most
    `max_recipients` messages, and no number twice in one list.
    """
    packer = _Packer(rules, slots, frozenset(lanes_alone))
    fair_size = max(1, -(-len(messages) // max(1, slots)))
    rest = packer.fill(messages, min(fair_size, max_recipients))
    if rest:
        # Every slot is in use now: rather fill requests beyond the fair size than leave messages waiting.
        packer.fill(rest, max_recipients)
    return [draft.messages for draft in packer.drafts]


class _Packer:
    def __init__(self, rules: BatchRules, slots: int, lanes_alone: frozenset[str]) -> None:
        self._rules = rules
        self._slots = slots
        self._lanes_alone = lanes_alone
        self._by_key: dict[Hashable, list[BatchDraft]] = {}
        self.drafts: list[BatchDraft] = []

    def fill(self, messages: Sequence[Message], max_recipients: int) -> list[Message]:
        """Add messages to requests, opening new ones while there are slots; return those that did not fit."""
        rest: list[Message] = []
        for message in messages:
            key = None if message.lane in self._lanes_alone else group_key(message, self._rules)
            size = self._rules.bytes_per_recipient + _content_bytes(message)
            draft = None if key is None else self._find(key, message, size, max_recipients)
            if draft is None:
                if len(self.drafts) >= self._slots:
                    rest.append(message)
                    continue
                draft = BatchDraft(key=key if key is not None else object(), size=_shared_bytes(message))
                self.drafts.append(draft)
                self._by_key.setdefault(draft.key, []).append(draft)
            draft.add(message, size)
        return rest

    def _find(self, key: Hashable, message: Message, size: int, max_recipients: int) -> BatchDraft | None:
        drafts = self._by_key.get(key)
        if not drafts:
            return None
        limits = (size, max_recipients, self._rules.max_body_bytes)
        # The newest request is tried first: the older ones are usually full.
        if drafts[-1].accepts(message, *limits):
            return drafts[-1]
        return next((draft for draft in drafts if draft.accepts(message, *limits)), None)


def _content_bytes(message: Message) -> int:
    """Return what the message adds to the body besides its number: its values, or its text as a value."""
    if message.variables is not None:
        return _json_bytes(dict(message.variables))
    return _json_bytes(message.body)


def _shared_bytes(message: Message) -> int:
    """Return what is in the body once: a template, the tags, the address of an image."""
    template = message.body if message.variables is not None else None
    return _json_bytes([template, message.media_url, dict(message.tags or {})])


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
