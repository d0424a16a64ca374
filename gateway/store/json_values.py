"""JSON that strangers wrote, as Python values.

What Postgres takes for JSON, Python may not: a number of five thousand digits, or lists a thousand deep. Raised in the
middle of a claim, that would stop every other message with it, again at each restart. So nothing here raises: what
cannot be read becomes `Unreadable`, so that the caller can tell.
"""

import json
import math
from typing import Any

MAX_DIGITS = 4000
"""Python refuses to read longer whole numbers (`sys.set_int_max_str_digits`)."""

DEEPEST = 50
"""Levels. Later processing of a value recurses through its levels too, on the stack."""


class Unreadable:
    """Stands for a JSON value that cannot be read; it is equal to no other."""


def loads(text: str) -> Any:
    """Return the value, or an `Unreadable`. A number that Python cannot hold stays as its digits."""
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_fraction)
    except (ValueError, RecursionError):
        return Unreadable()
    return value if _depth(value) <= DEEPEST else Unreadable()


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
