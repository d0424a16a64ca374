"""Phone numbers: E.164 inside the gateway, whatever form the provider uses."""

import re

E164 = r"\+[1-9][0-9]{6,14}"
"""A number in E.164 form, as a regular expression without anchors: a plus sign and 7 to 15 digits (ITU-T E.164 §6)."""

_E164 = re.compile(E164)
_PUNCTUATION = re.compile(r"[\s().\-/]+")


def is_e164(number: str) -> bool:
    """Whether the text is a number in E.164 form."""
    return _E164.fullmatch(number) is not None


def normalise(number: object, *, country: str = "1") -> str | None:
    """Return a number in E.164 form; None if the input is not a number.

    Accepts every form that the provider is known to use: E.164, ten national digits, eleven digits with the country
    code, JSON numbers, and the usual punctuation.
    """
    if isinstance(number, bool) or not isinstance(number, str | int):
        return None
    text = _PUNCTUATION.sub("", str(number))
    if not text.isascii():
        return None
    if text.isdigit():
        if len(text) == 10:
            text = country + text
        text = "+" + text
    return text if is_e164(text) else None


def mask(number: str | None) -> str:
    """Return a number as an operator sees it before it is revealed, with its last two digits. Not for logs."""
    if not number:
        return ""
    return number[:2] + "•" * max(0, len(number) - 4) + number[-2:]
