"""How many parts a text takes on the air.

3GPP TS 23.038 §6.2.1 gives the GSM 7-bit alphabet and its extension, in which a character costs two septets; a text
with any other character goes as UCS-2. 3GPP TS 23.040 §9.2.3.24.1 gives the header that a part of several carries: it
leaves 153 septets or 67 units of each.
"""

from collections.abc import Iterator

from gateway.domain.message import Segments

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_ALL = _BASIC | _EXTENSION

GSM7_SINGLE, GSM7_MANY = 160, 153
UCS2_SINGLE, UCS2_MANY = 70, 67


def measure(text: str, *, media: bool = False) -> Segments:
    """Return the parts of a text; with media it is one MMS, whatever its length. An empty text is one part."""
    if media:
        return Segments(1, "mms")
    characters = set(text)
    if characters <= _ALL:
        escapes = 0 if characters.isdisjoint(_EXTENSION) else sum(1 for c in text if c in _EXTENSION)
        if len(text) + escapes <= GSM7_SINGLE:
            return Segments(1, "gsm7")
        return Segments(_fill((2 if c in _EXTENSION else 1 for c in text), GSM7_MANY), "gsm7")
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= UCS2_SINGLE:
        return Segments(1, "ucs2")
    return Segments(_fill((2 if ord(c) > 0xFFFF else 1 for c in text), UCS2_MANY), "ucs2")


def _fill(widths: Iterator[int], room: int) -> int:
    """Count parts of `room` units; a character of two units is not cut in half."""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts
