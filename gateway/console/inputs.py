"""What people type and programs send, as typed values; whatever is none is said in one sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from gateway.domain.lanes import LANE_NAME
from gateway.domain.phone import normalise
from gateway.domain.states import State
from gateway.operations.search import reason_filter
from gateway.settings import duration
from gateway.store.filters import Filters

LARGEST_ID = 2**63 - 1
LONGEST = 255
FIELDS = ("id", "state", "lane", "tenant", "tag", "reference", "reason", "within", "since", "until")
"""Names of filters that may stand in an address. `number` may not: it is sent in a body."""

_LANE = re.compile(LANE_NAME)
_REASON = re.compile(r"[a-z0-9_ -]{1,60}", re.IGNORECASE)
_NUL = "\x00"


class BadInput(web.HTTPBadRequest):
    """What was typed cannot be; the text says what it should look like."""

    def __init__(self, sentence: str) -> None:
        super().__init__(text=sentence)


@dataclass(frozen=True, slots=True)
class Search:
    """Filters as they were typed, and what they mean."""

    typed: dict[str, str]
    """By the names of `FIELDS` and `number`; only what is set."""
    filters: Filters

    @property
    def fields(self) -> dict[str, str]:
        """Every field of the form, empty where nothing was typed."""
        return {name: self.typed.get(name, "") for name in (*FIELDS, "number")}

    @property
    def linkable(self) -> dict[str, str]:
        """What may stand in an address."""
        return {name: text for name, text in self.typed.items() if name in FIELDS}


def search(given: Mapping[str, Any], *, now: datetime | None = None) -> Search:
    """Return the search of a form or an address; raises `BadInput`."""
    typed = {name: text for name in (*FIELDS, "number") if (text := word(given, name))}
    values: dict[str, Any] = {name: typed[name] for name in ("tenant", "tag", "reference") if name in typed}
    if "id" in typed:
        _named(typed["id"], values)
    if "state" in typed:
        values["states"] = states(typed["state"])
    if "lane" in typed:
        values["lane"] = lane(typed["lane"])
    if "reason" in typed:
        if not _REASON.fullmatch(typed["reason"]):
            raise BadInput("A reason is a short code such as timeout, or a status of the provider such as 402.")
        values |= reason_filter(typed["reason"])
    if "within" in typed:
        values["since"] = (now or datetime.now(UTC)) - timedelta(seconds=span(typed["within"], "Within"))
    for name in ("since", "until"):
        if name in typed:
            values[name] = moment(typed[name])
    if "number" in typed:
        values["number"] = number(typed["number"])
    return Search(typed, Filters(**values))


def word(given: Mapping[str, Any], name: str, *, longest: int = LONGEST) -> str:
    """Return a field without its blanks, empty when it is missing."""
    text = str(given.get(name) or "").strip()
    if len(text) > longest or _NUL in text:
        raise BadInput(f"{name.capitalize()} is too long, or holds what no text can.")
    return text


def needed(given: Mapping[str, Any], name: str, sentence: str) -> str:
    """Return a field that must be there."""
    text = word(given, name)
    if not text:
        raise BadInput(sentence)
    return text


def identifier(text: str) -> int:
    """Return an id, or raise 404: no row has such a one."""
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > LARGEST_ID:
        raise web.HTTPNotFound(text="There is no such thing here.")
    return int(text)


def place(given: Mapping[str, Any]) -> int | None:
    """Return the id below which a list goes on."""
    text = word(given, "below")
    return identifier(text) if text else None


def number(text: str) -> str:
    """Return a phone number in E.164 form."""
    found = normalise(text)
    if found is None:
        raise BadInput("That is no phone number; write it like +12025550123.")
    return found


def lane(text: str) -> str:
    """Return the name of a lane."""
    if not _LANE.fullmatch(text):
        raise BadInput("A lane's name is lower-case letters, digits, - and _.")
    return text


def states(text: str) -> tuple[str, ...]:
    """Return one state or several, comma-separated."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [state for state in found if state not in set(State)]
    if unknown or not found:
        raise BadInput(f"A state is one of {', '.join(State)}.")
    return found


def moment(text: str) -> datetime:
    """Return a moment; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput("A time is written like 2026-11-23T14:30, in UTC.") from None


def span(text: str, name: str, *, longest: float = 366 * 86400.0) -> float:
    """Return a length of time in seconds."""
    try:
        found = duration(text)
    except ValueError as error:
        raise BadInput(f"{name}: {error}.") from None
    if not 0 < found <= longest:
        raise BadInput(f"{name} must be more than nothing and at most {longest / 86400:g} days.")
    return found


def optional_span(given: Mapping[str, Any], name: str, label: str) -> float | None:
    """Return a length of time in seconds, None where the field is empty."""
    text = word(given, name)
    return span(text, label) if text else None


def _named(text: str, values: dict[str, Any]) -> None:
    """Read the field that takes a message's id or a request's."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        values["ids"] = (int(text),)
        return
    try:
        values["request_id"] = UUID(text)
    except ValueError:
        raise BadInput("An id is a message's number, or a request's 32 hex digits.") from None
