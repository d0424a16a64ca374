"""List and change lanes. A change takes effect with the next claim."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.domain.lanes import LANE_NAME
from gateway.operations import NotPossible
from gateway.operations.lane_attributes import check_values
from gateway.store import actions, lanes
from gateway.store.lanes import Lane
from gateway.store.pool import Connection

__all__ = ["Lane", "change", "list_lanes"]

LANE = re.compile(LANE_NAME)
INVALID_NAME = "invalid lane name: use lower-case letters, digits, - and _, beginning with a letter"


async def list_lanes(connection: Connection) -> list[Lane]:
    """Return every lane, urgent ones first."""
    return await lanes.list_lanes(connection)


async def change(
    connection: Connection, name: str, values: Mapping[str, Any], *, actor: str, because: str | None = None
) -> bool:
    """Change a lane or create it. Attributes that `values` does not name stay as they are.

    Return whether it is new. Raises `NotPossible` for an invalid value.
    """
    if not values and any(lane.name == name for lane in await lanes.list_lanes(connection)):
        raise NotPossible("nothing to change: give at least one value")
    if not LANE.fullmatch(name):
        raise NotPossible(INVALID_NAME)
    check_values(values)
    async with connection.transaction():
        made = await lanes.change(connection, name, values)
        detail = {"lane": name, **values}
        await actions.record(connection, actor=actor, action="lane_set", reason=because, detail=detail)
    return made
