"""Messages to the exact bytes of a `POST /send`.

Fields and rules are those of the provider's documentation, "Send a message". `properties` maps each recipient, in the
very spelling of `subscribers`, to the values of the placeholders; a value is inserted as it is.
"""

import json
from collections.abc import Sequence
from typing import Any

from gateway.domain.batching import BatchRules
from gateway.domain.message import Message

TEXT_TEMPLATE = "{{text}}"
"""Each number's own text is the value of this placeholder."""

BATCH_RULES = BatchRules(
    # No limit is documented. Half a megabyte is far below what any HTTP server refuses, and 500 texts take a tenth.
    max_body_bytes=512 * 1024,
    # The number twice, and JSON's punctuation.
    bytes_per_recipient=48,
    # Of Liquid, in which the provider renders texts.
    template_markers=("{{", "{%"),
)


def encode(messages: Sequence[Message], *, external_id: str, default_sender: int | None) -> bytes:
    """Return the body of one request for these messages.

    Raises `ValueError` when they differ in anything that the provider takes per request, when a number is in it twice,
    or when a group or subscriber is not alone: a wrong grouping must fail here, before anything is committed.
    """
    if not messages:
        raise ValueError("a request needs at least one message")
    first = messages[0]
    _check(messages)
    body: dict[str, Any] = _recipients(messages)
    body |= _content(messages)
    if first.media_url is not None:
        body["image"] = first.media_url
    if first.template_id is not None:
        body["templateId"] = first.template_id
    if first.link_id is not None:
        body["linkId"] = first.link_id
    sender = first.sender_id or default_sender
    if sender is not None:
        body["longcodeId"] = sender
    if first.tags:
        body["tags"] = dict(first.tags)
    body["externalId"] = external_id
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _check(messages: Sequence[Message]) -> None:
    first = messages[0]
    numbers = [message.recipient.number for message in messages]
    if len(messages) > 1 and None in numbers:
        raise ValueError("a subscriber or a group must have a request of its own")
    if len(set(numbers)) != len(numbers):
        raise ValueError("a number may be in a request only once")
    for message in messages[1:]:
        for field in ("sender_id", "tags", "media_url", "template_id", "link_id"):
            if getattr(message, field) != getattr(first, field):
                raise ValueError(f"messages with different {field} can't share a request")


def _recipients(messages: Sequence[Message]) -> dict[str, Any]:
    recipient = messages[0].recipient
    if recipient.group_id is not None:
        return {"groups": [recipient.group_id]}
    if recipient.subscriber_id is not None:
        return {"subscriberIds": [recipient.subscriber_id]}
    return {"subscribers": [message.recipient.number for message in messages]}


def _content(messages: Sequence[Message]) -> dict[str, Any]:
    """Return `message` and `properties`.

    A text with variables is a template and travels as such. A text without them must arrive as written: plain, or,
    where texts differ or contain Liquid's own markers, as the value of a placeholder.
    """
    first = messages[0]
    templates = {message.body if message.variables is not None else None for message in messages}
    if len(templates) > 1:
        raise ValueError("messages with different templates can't share a request")
    if first.variables is not None:
        content: dict[str, Any] = {} if first.body is None else {"message": first.body}
        return content | {"properties": _properties(messages, [dict(m.variables or {}) for m in messages])}
    texts = [message.body for message in messages]
    if None in texts or "" in texts:
        if any(texts):
            raise ValueError("messages with and without a text can't share a request")
        return {}
    if len(set(texts)) == 1 and not BATCH_RULES.is_template(first.body):
        return {"message": first.body}
    if first.recipient.number is None:
        # How properties name a subscriber or a group is not documented.
        raise ValueError("a text with Liquid markers can't be sent literally to a subscriber or a group")
    return {"message": TEXT_TEMPLATE, "properties": _properties(messages, [{"text": text} for text in texts])}


def _properties(messages: Sequence[Message], values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    recipient = messages[0].recipient
    if recipient.number is None:
        return {str(recipient.subscriber_id or recipient.group_id): values[0]}
    return {str(message.recipient.number): value for message, value in zip(messages, values, strict=True)}
