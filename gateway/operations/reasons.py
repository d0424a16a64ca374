"""Looks up what reasons mean: the gateway's own and those of every provider.

Used by `smsgw messages show` and `why`, by the console and by docs/errors.md, which a test holds to it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.domain.reasons import (
    ANSWERS,
    CARRIER_REASONS,
    CARRIERS,
    CONNECTION,
    CONNECTION_REASONS,
    DECISION_REASONS,
    DECISIONS,
    ReasonCode,
)
from gateway.provider.registry import KINDS

__all__ = ["GROUPS", "ReasonCode", "explain", "explain_status"]


def _of_providers(heading: str) -> tuple[ReasonCode, ...]:
    return tuple(reason for kind in KINDS.values() for reason in kind.reasons.get(heading, ()))


GROUPS: Mapping[str, tuple[ReasonCode, ...]] = MappingProxyType(
    {
        ANSWERS: _of_providers(ANSWERS),
        CONNECTION: (*CONNECTION_REASONS, *_of_providers(CONNECTION)),
        DECISIONS: (*DECISION_REASONS, *_of_providers(DECISIONS)),
        CARRIERS: CARRIER_REASONS,
    }
)
"""Every reason, under the headings of docs/errors.md."""

_BY_CODE = {reason.code: reason for group in GROUPS.values() for reason in group}


def explain(code: str | None) -> ReasonCode | None:
    """Return what a code means; a whole reason is accepted too, since it begins with its code."""
    if not code:
        return None
    code = code.partition(":")[0].strip()
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith("http_") and code[5:].isdigit():
        return explain_status(int(code[5:]))
    return None


def explain_status(status: int | None) -> ReasonCode | None:
    """Return what a status of the provider means; the first of several that it can stand for."""
    if status is None or 200 <= status < 300:
        return None
    for reason in GROUPS[ANSWERS]:
        if status in reason.statuses:
            return reason
    return _BY_CODE["http_4xx" if 400 <= status < 500 else "http_5xx"]
