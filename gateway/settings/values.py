"""The types of settings: how each is written, and what is refused."""

import ipaddress
import re
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

BLANK = "is empty or blank; set a value, or leave the setting out"
BLANK_ENTRY = "has an empty or blank entry; remove the extra comma, or write the missing value"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")


class SettingsError(Exception):
    """A setting is bad or missing; the message is one line that names it and says what to do."""


def duration(text: str) -> float:
    """Return a duration in seconds; raises `ValueError` with the accepted forms."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("must be seconds or carry a unit: 500ms, 15s, 10m, 24h, 90d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _duration(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be host:port, for example 127.0.0.1:8080 or [::1]:8080")
    return (host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port))  # noqa: S104  the user asked for it


def _secret(value: object) -> object:
    """Return a secret without the white space around it; refuse what cannot be one.

    A line break or an invisible character inside comes from a damaged file. Such a secret would never match, or could
    not be sent in a header.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    text = text.strip()
    if not text:
        raise ValueError(BLANK)
    if not text.isprintable():
        raise ValueError("must be one line of printable characters; look for a line break or an invisible character")
    return text


def _entries(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError(BLANK)
    entries = tuple(part.strip() for part in value.split(","))
    if not all(entries):
        raise ValueError(BLANK_ENTRY)
    return entries


def _networks(value: object) -> object:
    entries = _entries(value)
    if not isinstance(value, str) or not isinstance(entries, tuple):
        return value
    try:
        return tuple(ipaddress.ip_network(entry) for entry in entries)
    except ValueError:
        raise ValueError("must be addresses or networks, for example 10.0.0.7,10.1.0.0/16") from None


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Duration = Annotated[float, BeforeValidator(_duration), Field(gt=0)]
Span = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
Address = Annotated[tuple[str, int], NoDecode, BeforeValidator(_address)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_secret)]
Secrets = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_entries), Field(max_length=2)]
Names = Annotated[tuple[Annotated[str, Field(pattern=r"\S")], ...], NoDecode, BeforeValidator(_entries)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
