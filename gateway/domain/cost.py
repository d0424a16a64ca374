"""What a message costs on the air, as far as it can be known before the provider renders it."""

import re

from gateway.domain.message import Message, Parts
from gateway.domain.segments import measure

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def cost(message: Message) -> Parts:
    """Return the parts of the message as it will be read: with its placeholders filled in.

    Only plain placeholders are filled; a text with filters or tags is measured as written, and a template kept at
    the provider counts as one part. The figure paces the line and is never used to cut or refuse a text.
    """
    text = message.body or ""
    variables = message.variables
    if variables is not None:
        text = _PLACEHOLDER.sub(lambda match: str(variables.get(match.group(1), "")), text)
    return measure(text, media=message.media_url is not None)
