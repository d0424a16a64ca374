"""Structured logs that cannot carry a phone number, a text or a secret.

Redaction is the last processor before rendering, so it sees everything: our own events, events of libraries, and
tracebacks. It works on values (anything that looks like a number or a credential is replaced) and on keys (the value of
a key that holds personal data is replaced, whatever it looks like). Ids and counts are kept by their keys, because a
long id looks like a number.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

REDACTED = "[redacted]"

_PRIVATE_KEYS = re.compile(
    r"(?:^|_)(?:body|text|texts|message_text|number|numbers|to|from|recipient|recipients_list|phone|subscriber|variables|properties|"
    r"authorization|api_key|apikey|secret|token|password|dsn|database_url|cookie|signature|raw|payload)(?:$|_)",
    re.IGNORECASE,
)
_SAFE_KEYS = re.compile(
    r"^(?:timestamp|level|event|logger|id|.*_id|pid|port|count|attempt|attempts|status|wait|seconds|duration|results|requests|"
    r"leases|messages|receipts|answers|recipients|version|worker|code|release|migrations)$"
)
_PHONE = re.compile(r"(?<![0-9A-Za-z])\+?\(?[0-9](?:[\s().\-/]{0,2}[0-9]){6,14}(?![0-9A-Za-z])")
_LONG_DIGITS = re.compile(r"\+?[0-9]{7,}")
_HEX_ID = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-[0-9]+)?(?![0-9A-Za-z])"
)
_CREDENTIALS = (
    re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"),
    re.compile(r"(?i)\b((?:api[_-]?key|secret|token|password|passwd)\s*[=:]\s*)[^\s\"',;&]+"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/@\s]+@"),
)
_ROW_VALUES = re.compile(r"(?im)^\s*(?:detail|context)\s*:.*$")
_KEY_VALUES = re.compile(r"\)=\([^)]*\)")
_ARGUMENTS = re.compile(r"(invalid input for query argument \$[0-9]+)\b.*", re.DOTALL)
"""asyncpg quotes the value that it could not encode: a whole text, perhaps."""


def redact_text(text: str) -> str:
    """Return the text without phone numbers, credentials, and the values that database errors quote.

    The ids of requests are hexadecimal and may look like numbers in places; they are recognised first and kept.
    """
    text = _ROW_VALUES.sub("", text)
    text = _ARGUMENTS.sub(rf"\1: {REDACTED}", text)
    text = _KEY_VALUES.sub(f")=({REDACTED})", text)
    for pattern in _CREDENTIALS:
        text = pattern.sub(
            lambda match: (
                f"{match[1]} {REDACTED}"
                if match[1].isalpha()
                else f"{match[1]}{REDACTED}@"
                if match[1].endswith("://")
                else f"{match[1]}{REDACTED}"
            ),
            text,
        )
    pieces, end = [], 0
    for match in _HEX_ID.finditer(text):
        pieces += [_LONG_DIGITS.sub(REDACTED, _PHONE.sub(REDACTED, text[end : match.start()])), match[0]]
        end = match.end()
    pieces.append(_LONG_DIGITS.sub(REDACTED, _PHONE.sub(REDACTED, text[end:])))
    return "".join(pieces)


def redact(value: Any, *, key: str = "") -> Any:
    """Return a value, however nested, without what must not be logged."""
    if key and _PRIVATE_KEYS.search(key) and not _SAFE_KEYS.match(key):
        return None if value is None else REDACTED
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1_000_000 or (key and _SAFE_KEYS.match(key)) else REDACTED
    if isinstance(value, str):
        return value if key == "timestamp" else redact_text(value)
    if isinstance(value, Mapping):
        return {redact_text(str(name)): redact(item, key=str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(bytes(value))} bytes>"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {redact_text(str(value))}"
    return redact_text(str(value))


def redaction(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact a whole event: the processor."""
    return {redact_text(str(name)): redact(value, key=str(name)) for name, value in event.items()}


def configure(format: Literal["json", "console"] = "json", level: str = "info") -> None:  # noqa: A002
    """Set up logging for the process: one line an event on stderr, libraries included."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redaction,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[:-1],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redaction, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
