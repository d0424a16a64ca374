"""See and tune lanes; a change holds from the next claim on."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from gateway.operations.errors import NotPossible
from gateway.store import actions, lanes
from gateway.store.lanes import Lane
from gateway.store.pool import Connection

__all__ = ["Lane", "change", "listed"]


LIKE_THAT = "a lane cannot be like that; a weight is 1 to 1000, a cap 1 to 100, attempts are 1 to 1000"
TTL = "a time to live is longer than nothing, and five years at the most"
CANNOT = {
    "lane_name_check": "a lane's name is lower-case letters, digits, - and _, and begins with a letter",
    "lane_ttl_check": TTL,
    "lane_ttl_bounded": TTL,
}
"""What is wrong, by the constraint that says so."""


async def listed(connection: Connection) -> list[Lane]:
    """Return every lane, urgent ones first."""
    return await lanes.list_lanes(connection)


async def change(
    connection: Connection, name: str, values: Mapping[str, Any], *, actor: str, because: str | None = None
) -> bool:
    """Change a lane, or make it; what `values` does not name stays (see `gateway.store.lanes.COLUMNS`).

    Return whether it is new. Raises `NotPossible` for a value that a lane cannot have.
    """
    if not values and any(lane.name == name for lane in await lanes.list_lanes(connection)):
        raise NotPossible("nothing is named that should change")
    unknown = sorted(set(values) - set(lanes.COLUMNS))
    if unknown:
        raise NotPossible(f"a lane has no {', '.join(unknown)}")
    try:
        async with connection.transaction():
            made = await lanes.change(connection, name, values)
            detail = {"lane": name, **values}
            await actions.record(connection, actor=actor, action="lane_set", reason=because, detail=detail)
    except asyncpg.CheckViolationError as error:
        raise NotPossible(CANNOT.get(error.constraint_name or "", LIKE_THAT)) from None
    return made
