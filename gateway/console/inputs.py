"""Parses forms and query strings into typed values. What is invalid is reported in one sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

from gateway.domain.lanes import LANE_NAME
from gateway.domain.phone import normalise
from gateway.operations.filters import MAX_ID, MAX_LENGTH, InvalidFilter, filter_inputs, read_filters
from gateway.operations.search import Filters
from gateway.settings import duration

SEARCH_FIELDS = (*(one.name for one in filter_inputs(without=("request-id", "ended-since", "ended-until"))), "within")
"""Fields of the search form."""
URL_FIELDS = tuple(name for name in SEARCH_FIELDS if name != "number")
"""Filters that may stand in an address. A phone number may not: it is sent in a body."""

TOP_FIELDS = ("id", "number", "reference", "state", "lane", "within")
"""Search fields that each form writes itself, with a widget of its own."""
WIDGETS = {
    "tag": ("Tag", "text", "campaign or campaign=summer"),
    "reason": ("Reason", "text", "402 or no_credit"),
    "since": ("Created since (UTC)", "datetime-local", ""),
    "until": ("Created until (UTC)", "datetime-local", ""),
}
"""Label, type and placeholder of a search field, where they differ from those of a text named like the filter."""

_LANE = re.compile(LANE_NAME)
_NUL = "\x00"

Member = TypeVar("Member", bound=StrEnum)


class InvalidInput(web.HTTPBadRequest):
    """A field is invalid. The text describes the expected format and never repeats the value."""

    def __init__(self, message: str) -> None:
        super().__init__(text=message)


@dataclass(frozen=True, slots=True)
class FormField:
    """A search field as the forms show it."""

    name: str
    label: str
    type: str
    placeholder: str
    help: str


MORE_FIELDS = tuple(
    FormField(one.name, *WIDGETS.get(one.name, (one.name.replace("-", " ").capitalize(), "text", "")), help=one.help)
    for one in filter_inputs()
    if one.name in SEARCH_FIELDS and one.name not in TOP_FIELDS
)
"""The search fields besides `TOP_FIELDS`. A new filter is one of them."""


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The fields of a search as entered, and the filters they mean."""

    entered: dict[str, str]
    """Only the fields that are not empty."""
    filters: Filters

    @property
    def fields(self) -> dict[str, str]:
        """Every field of the form, empty where nothing was entered."""
        return {name: self.entered.get(name, "") for name in SEARCH_FIELDS}

    @property
    def url_params(self) -> dict[str, str]:
        """The fields that may stand in an address."""
        return {name: text for name, text in self.entered.items() if name in URL_FIELDS}


def parse_search(given: Mapping[str, Any], *, now: datetime | None = None) -> SearchForm:
    """Return the search of a form or query string; raises `InvalidInput`.

    The field `id` takes the id of a message or of a request. `within` is an age, and the same as `since`.
    """
    entered = {name: text for name in SEARCH_FIELDS if (text := text_field(given, name))}
    texts = dict(entered)
    if not entered.get("id", "0").isdigit():
        texts["request-id"] = texts.pop("id")
    if "within" in entered:
        duration_seconds(texts.pop("within"), "Within")
        texts.setdefault("since", entered["within"])
    try:
        filters = read_filters({name: [text] for name, text in texts.items()}, now=now or datetime.now(UTC))
    except InvalidFilter as error:
        message = str(error)
        raise InvalidInput(f"{message[0].upper()}{message[1:]}.") from None
    return SearchForm(entered, filters)


def text_field(given: Mapping[str, Any], name: str) -> str:
    """Return a field without surrounding blanks, empty if it is missing."""
    text = str(given.get(name) or "").strip()
    if len(text) > MAX_LENGTH or _NUL in text:
        raise InvalidInput(f"{name.capitalize()} is too long or contains invalid characters.")
    return text


def required_field(given: Mapping[str, Any], name: str, message: str) -> str:
    """Return a field that must not be empty."""
    text = text_field(given, name)
    if not text:
        raise InvalidInput(message)
    return text


def identifier(text: str) -> int:
    """Return an id; raises 404 for one that no row can have."""
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > MAX_ID:
        raise web.HTTPNotFound(text="No such id.")
    return int(text)


def below_id(given: Mapping[str, Any]) -> int | None:
    """Return the id below which the page of a list begins."""
    text = text_field(given, "below")
    return identifier(text) if text else None


def phone_number(text: str) -> str:
    """Return a phone number in E.164 form."""
    number = normalise(text)
    if number is None:
        raise InvalidInput("That is not a phone number. Write it like +12025550123.")
    return number


def lane_name(text: str) -> str:
    """Return the name of a lane."""
    if not _LANE.fullmatch(text):
        raise InvalidInput("A lane name has lower-case letters, digits, - and _, and begins with a letter.")
    return text


def member(kind: type[Member], text: str, message: str) -> Member:
    """Return the member of an enum that a field names."""
    try:
        return kind(text)
    except ValueError:
        raise InvalidInput(f"{message}: {', '.join(kind)}.") from None


def timestamp(text: str) -> datetime:
    """Return a time. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("Write a time like 2026-11-23T14:30, in UTC.") from None


def duration_seconds(text: str, label: str, *, max_seconds: float = 366 * 86400.0) -> float:
    """Return a duration in seconds."""
    try:
        seconds = duration(text)
    except ValueError as error:
        raise InvalidInput(f"{label}: {error}.") from None
    if not 0 < seconds <= max_seconds:
        raise InvalidInput(f"{label} must be greater than zero and at most {max_seconds / 86400:g} days.")
    return seconds


def optional_duration(given: Mapping[str, Any], name: str, label: str) -> float | None:
    """Return a duration in seconds, None if the field is empty."""
    text = text_field(given, name)
    return duration_seconds(text, label) if text else None
