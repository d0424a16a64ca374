"""The filter of messages: its fields, and how they are written as JSON.

A new filter touches five files:
* here: its field
* `sql/queries/search/filter_messages.sql`: its column and its condition
* `gateway/operations/filters.py`: how it is named and read; this adds the command line's option and the field in the
  console's forms
* `gateway/console/api/models.py`: its field in the API
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, TypeAdapter


@dataclass(frozen=True, slots=True)
class Filters:
    """Which messages; None for any. Times are compared with `>=` and `<`."""

    # A saved filter with a field that this release does not know must fail: without it, more messages would match.
    __pydantic_config__ = ConfigDict(extra="forbid")

    states: tuple[str, ...] | None = None
    lane: str | None = None
    tenant: str | None = None
    tag: str | None = None
    """A key, or `key=value`."""
    reference: str | None = None
    number: str | None = None
    """E.164."""
    request_id: UUID | None = None
    """A request that carries the message, or carried it before."""
    since: datetime | None = None
    until: datetime | None = None
    """When the message was created."""
    reason: str | None = None
    """The short code at the beginning of a reason."""
    status: int | None = None
    """What the provider answered to an attempt of its request, for example 402."""
    ended_since: datetime | None = None
    ended_until: datetime | None = None
    """When the message reached its current state."""
    ids: tuple[int, ...] | None = None


def to_json(filters: Filters) -> dict[str, Any]:
    """Return the fields that are set, by name, as JSON values."""
    values: dict[str, Any] = _adapter().dump_python(filters, mode="json", exclude_none=True)
    return values


def from_json(values: dict[str, Any]) -> Filters:
    """Return the filters that `to_json` wrote; raises `ValueError` for a field that does not exist."""
    return _adapter().validate_python(values)


@cache
def _adapter() -> TypeAdapter[Filters]:
    return TypeAdapter(Filters)
