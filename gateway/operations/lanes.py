"""List and change lanes. A change takes effect with the next claim."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from gateway.operations import NotPossible
from gateway.store import actions, lanes
from gateway.store.lanes import Lane
from gateway.store.pool import Connection

__all__ = ["Lane", "change", "list_lanes"]

INVALID = "invalid lane: weight must be 1 to 1000, cap_percent 1 to 100, max_attempts 1 to 1000"
INVALID_TTL = "invalid lane: ttl must be greater than zero and at most five years"
ERRORS = {
    "lane_name_check": "invalid lane name: use lower-case letters, digits, - and _, beginning with a letter",
    "lane_ttl_check": INVALID_TTL,
    "lane_ttl_bounded": INVALID_TTL,
}
"""By the constraint that is violated."""


async def list_lanes(connection: Connection) -> list[Lane]:
    """Return every lane, urgent ones first."""
    return await lanes.list_lanes(connection)


async def change(
    connection: Connection, name: str, values: Mapping[str, Any], *, actor: str, because: str | None = None
) -> bool:
    """Change a lane or create it. Columns that `values` does not name stay (see `gateway.store.lanes.COLUMNS`).

    Return whether it is new. Raises `NotPossible` for an invalid value.
    """
    if not values and any(lane.name == name for lane in await lanes.list_lanes(connection)):
        raise NotPossible("nothing to change: give at least one value")
    unknown = sorted(set(values) - set(lanes.COLUMNS))
    if unknown:
        raise NotPossible(f"unknown lane setting: {', '.join(unknown)}")
    try:
        async with connection.transaction():
            made = await lanes.change(connection, name, values)
            detail = {"lane": name, **values}
            await actions.record(connection, actor=actor, action="lane_set", reason=because, detail=detail)
    except asyncpg.CheckViolationError as error:
        raise NotPossible(ERRORS.get(error.constraint_name or "", INVALID)) from None
    return made
