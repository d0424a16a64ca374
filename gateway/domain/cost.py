"""What a message costs on the air, as far as it can be known before the provider renders it."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.domain.message import Message, Segments
from gateway.domain.segments import GSM7_MANY, measure

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

MOST_PARTS = 100
"""No text is counted beyond so many parts. A template may name a long value a thousand times: to write all of it down
would cost the claim megabytes and every other message its time, for a text that the provider refuses anyway."""

_LONGEST = MOST_PARTS * GSM7_MANY


def cost(message: Message) -> Segments:
    """Return the parts of the message as it will be read: with its placeholders filled in; `MOST_PARTS` at the most.

    Only plain placeholders are filled; a text with filters or tags is measured as written, and a template kept at
    the provider counts as one part. The figure paces the line and is never used to cut or refuse a text.
    """
    text = message.body or ""
    if message.variables is not None:
        text = _filled(text, message.variables)
    parts = measure(text[:_LONGEST], media=message.media_url is not None)
    return Segments(min(parts.count, MOST_PARTS), parts.encoding)


def _filled(text: str, variables: Mapping[str, Any]) -> str:
    """Return the text with its placeholders filled in, as far as it counts."""
    pieces: list[str] = []
    length = start = 0
    for match in _PLACEHOLDER.finditer(text):
        value = str(variables.get(match.group(1), ""))
        pieces += (text[start : match.start()], value)
        length += match.start() - start + len(value)
        start = match.end()
        if length >= _LONGEST:
            break
    return "".join([*pieces, text[start:]])
