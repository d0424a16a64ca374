"""Status, headers and body of an answer to `POST /send`, read tolerantly into the gateway's own words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.outcome import Answer, Phase
from gateway.provider.mta.headers import rate_headers, retry_after

ACCOUNT_WORDS = ("unverified", "trial", "suspended", "not verified")
"""Seen in refusals that concern the whole account."""


@dataclass(frozen=True, slots=True)
class MtaAnswer(Answer):
    """An answer with what only this provider reports."""

    success_false: bool = False
    """The body says `success: false` although the status says otherwise."""
    failed_international: int | None = None
    account_level: bool = False
    """A 403 is about the account, not about this request."""


def read_answer(status: int, headers: Mapping[str, str], body: bytes, *, window: float, duration: float) -> MtaAnswer:
    """Return the answer; whatever the body is, this does not raise."""
    content = _object(body)
    data = content.get("data") if content is not None else None
    values: dict[str, Any] = data if isinstance(data, dict) else {}
    error: dict[str, Any] = content or {}
    rate = rate_headers(headers, window=window)
    return MtaAnswer(
        phase=Phase.ANSWERED,
        duration=duration,
        status=status,
        readable=content is not None and (status >= 300 or _looks_accepted(values)),
        success_false=error.get("success") is False,
        total_sent=_count(values.get("totalSent")),
        failed_international=_count(values.get("totalFailedInternationalRecipients")),
        provider_message_id=_text(values.get("messageId")),
        outbound_ids=_ids(values.get("outboundIds")),
        provider_request_id=_text(error.get("requestId")) or _text(headers.get("X-Request-ID")),
        error_name=_name(error.get("name")),
        account_level=status == 403 and _account_level(error),
        retry_after=retry_after(headers, window=window, rate=rate),
        rate=rate,
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _looks_accepted(values: dict[str, Any]) -> bool:
    """Whether anything in the data shows that the provider accepted the request; an empty success is no proof."""
    return any(values.get(name) is not None for name in ("messageId", "totalSent", "outboundIds"))


def _account_level(error: dict[str, Any]) -> bool:
    """Whether a 403 is about the account: it names a reason, or its wording says so."""
    if error.get("reason"):
        return True
    words = str(error.get("message", "")).lower()
    return any(word in words for word in ACCOUNT_WORDS)


def _count(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**31:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def _ids(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 2**63)


def _name(value: object) -> str | None:
    """Return the name of an error: a word. It is stored and shown to all, so nothing else may pass for one."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z_.-]{0,63}", value) else None


def _text(value: object) -> str | None:
    """Return a short printable id; anything else is not one, and may hold what must not be stored."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= 100 and text.isascii() and text.isprintable() else None
