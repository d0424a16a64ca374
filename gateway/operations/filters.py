"""What a person or a program can filter messages by: names, help, and how each text is read.

The command line makes an option of each input, the console a field of its form. The fields that they set are in
`gateway/store/filters.py`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.lanes import LANE_NAME
from gateway.domain.phone import normalise
from gateway.domain.states import State
from gateway.settings import duration
from gateway.store.filters import Filters

MAX_ID = 2**63 - 1
"""The largest bigint."""

MAX_LENGTH = 255

_LANE = re.compile(LANE_NAME)
_REASON = re.compile(r"[a-z0-9_ -]{1,60}", re.IGNORECASE)


class InvalidFilter(ValueError):
    """A filter's text cannot be read. The message follows the name of the input: "must be …"."""


@dataclass(frozen=True, slots=True)
class FilterInput:
    """One filter as a person types it."""

    name: str
    read: Callable[[str, datetime], dict[str, Any]]
    """Returns fields of `Filters` from the text and the time now; raises `InvalidFilter`."""
    help: str
    repeatable: bool = False
    """May be given more than once; the values are alternatives."""
    choices: Sequence[str] = ()
    """The only values, where they are known."""

    @property
    def parameter(self) -> str:
        """Its name as a parameter of a function."""
        return self.name.replace("-", "_")


def read_filters(texts: Mapping[str, Sequence[str]], *, now: datetime) -> Filters:
    """Return the filters that these texts mean, by the name of their input.

    Raises `InvalidFilter` with the name of the input at the beginning of its message.
    """
    values: dict[str, Any] = {}
    for name, given in texts.items():
        for text in given:
            try:
                read = BY_NAME[name].read(text, now)
            except InvalidFilter as error:
                raise InvalidFilter(f"{name} {error}") from None
            for field, value in read.items():
                values[field] = (*values.get(field, ()), *value) if isinstance(value, tuple) else value
    return Filters(**values)


def filter_inputs(*, without: Collection[str] = ()) -> list[FilterInput]:
    """Return the inputs, some left out by their names."""
    return [one for one in INPUTS if one.name not in without]


def read_time(text: str, now: datetime) -> datetime:
    """Return a time: ISO 8601 (UTC without an offset), `now`, `today`, `yesterday`, or an age such as `2h`.

    Raises `InvalidFilter`.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in words:
        return words[text]
    try:
        return now - timedelta(seconds=duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidFilter(
            "must be a time such as 2026-05-01T13:00 (UTC), yesterday, today, or an age such as 30m, 2h, 3d"
        ) from None


def read_number(text: str) -> str:
    """Return a phone number in E.164 form; raises `InvalidFilter`."""
    number = normalise(text)
    if number is None:
        raise InvalidFilter("must be a phone number in E.164 form, for example +12025550123")
    return number


def reason_filter(text: str) -> dict[str, str | int]:
    """Return the field that a reason means: a status of the provider, or a short code."""
    return {"status": int(text)} if text.isdigit() and len(text) == 3 else {"reason": text}


def _text(field: str) -> Callable[[str, datetime], dict[str, Any]]:
    def read(text: str, _: datetime) -> dict[str, Any]:
        if len(text) > MAX_LENGTH or "\x00" in text:
            raise InvalidFilter("is too long or contains invalid characters")
        return {field: text}

    return read


def _time(field: str) -> Callable[[str, datetime], dict[str, Any]]:
    return lambda text, now: {field: read_time(text, now)}


def _state(text: str, _: datetime) -> dict[str, Any]:
    states = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not states or any(state not in set(State) for state in states):
        raise InvalidFilter(f"must be one of {', '.join(State)}")
    return {"states": states}


def _lane(text: str, _: datetime) -> dict[str, Any]:
    if not _LANE.fullmatch(text):
        raise InvalidFilter("must be a lane's name: lower-case letters, digits, - and _, beginning with a letter")
    return {"lane": text}


def _reason(text: str, _: datetime) -> dict[str, Any]:
    if not _REASON.fullmatch(text):
        raise InvalidFilter("must be a reason code such as timeout_read, or a provider status such as 402")
    return dict(reason_filter(text))


def _request_id(text: str, _: datetime) -> dict[str, Any]:
    try:
        return {"request_id": UUID(text)}
    except ValueError:
        raise InvalidFilter("must be 32 hexadecimal digits, as the timeline shows them") from None


def _id(text: str, _: datetime) -> dict[str, Any]:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > MAX_ID:
        raise InvalidFilter("must be the id of a message")
    return {"ids": (int(text),)}


INPUTS = (
    FilterInput("state", _state, "Only this state; repeatable.", repeatable=True, choices=tuple(State)),
    FilterInput("lane", _lane, "Only this lane."),
    FilterInput("tenant", _text("tenant"), "Only this tenant."),
    FilterInput("tag", _text("tag"), "Only messages with this tag: KEY or KEY=VALUE."),
    FilterInput("reference", _text("reference"), "Only this reference."),
    FilterInput("number", lambda text, _: {"number": read_number(text)}, "Only this recipient, in E.164 form."),
    FilterInput("request-id", _request_id, "Only messages of this request, now or earlier."),
    FilterInput(
        "since",
        _time("since"),
        "Created at or after this time: 2026-05-01T13:00 (UTC), yesterday, or an age such as 2h or 3d.",
    ),
    FilterInput("until", _time("until"), "Created before this time."),
    FilterInput("ended-since", _time("ended_since"), "Reached its current state at or after this time."),
    FilterInput("ended-until", _time("ended_until"), "Reached its current state before this time."),
    FilterInput("reason", _reason, "Only this reason code (no_credit) or provider status (402)."),
    FilterInput("id", _id, "Only this message; repeatable.", repeatable=True),
)

BY_NAME: Mapping[str, FilterInput] = {one.name: one for one in INPUTS}
