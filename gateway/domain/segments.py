"""How many parts (SMS segments) a text takes.

3GPP TS 23.038 §6.2.1 defines the GSM 7-bit alphabet and its extension, in which a character takes two septets. A text
with any other character is sent as UCS-2. 3GPP TS 23.040 §9.2.3.24.1 defines the header of a concatenated part: it
leaves room for 153 septets or 67 UCS-2 units in each part.
"""

from collections.abc import Iterator

from gateway.domain.message import Segments

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_ALL = _BASIC | _EXTENSION

GSM7_SINGLE, GSM7_CONCATENATED = 160, 153
UCS2_SINGLE, UCS2_CONCATENATED = 70, 67


def measure(text: str, *, media: bool = False) -> Segments:
    """Return the parts of a text. With media it is one MMS of any length. An empty text is one part."""
    if media:
        return Segments(1, "mms")
    characters = set(text)
    if characters <= _ALL:
        escapes = 0 if characters.isdisjoint(_EXTENSION) else sum(1 for c in text if c in _EXTENSION)
        if len(text) + escapes <= GSM7_SINGLE:
            return Segments(1, "gsm7")
        return Segments(_count_parts((2 if c in _EXTENSION else 1 for c in text), GSM7_CONCATENATED), "gsm7")
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= UCS2_SINGLE:
        return Segments(1, "ucs2")
    return Segments(_count_parts((2 if ord(c) > 0xFFFF else 1 for c in text), UCS2_CONCATENATED), "ucs2")


def _count_parts(widths: Iterator[int], capacity: int) -> int:
    """Count parts of `capacity` units; a character of two units is not divided."""
    parts, used = 1, 0
    for width in widths:
        if used + width > capacity:
            parts, used = parts + 1, 0
        used += width
    return parts
