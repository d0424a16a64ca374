"""How many parts a message takes, as far as this can be known before the provider renders it."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.domain.message import Message, Segments
from gateway.domain.segments import GSM7_CONCATENATED, measure

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

MAX_PARTS = 100
"""No text is counted beyond this. A template may name a long value a thousand times. Rendering all of it would cost the
claim megabytes, and delay every other message, for a text that the provider refuses anyway."""

_MAX_CHARACTERS = MAX_PARTS * GSM7_CONCATENATED


def cost(message: Message) -> Segments:
    """Return the parts of the message with its placeholders filled in; at most `MAX_PARTS`.

    Only plain placeholders are filled. A text with filters or tags is measured as written, and a template kept at the
    provider counts as one part. The figure paces the sender; it is never used to cut or refuse a text.
    """
    text = message.body or ""
    if message.variables is not None:
        text = _render(text, message.variables)
    parts = measure(text[:_MAX_CHARACTERS], media=message.media_url is not None)
    return Segments(min(parts.count, MAX_PARTS), parts.encoding)


def _render(text: str, variables: Mapping[str, Any]) -> str:
    """Return the text with its placeholders filled in, up to the length that is counted."""
    pieces: list[str] = []
    length = start = 0
    for match in _PLACEHOLDER.finditer(text):
        value = str(variables.get(match.group(1), ""))
        pieces += (text[start : match.start()], value)
        length += match.start() - start + len(value)
        start = match.end()
        if length >= _MAX_CHARACTERS:
            break
    return "".join([*pieces, text[start:]])
