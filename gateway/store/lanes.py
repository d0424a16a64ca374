"""Lanes, which an operator changes while the gateway runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

COLUMNS = ("urgent", "weight", "ttl", "coalesce", "on_uncertain", "max_attempts", "cap_percent", "reserve_percent")
"""What `change` takes; `ttl` in seconds."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane; see `sql/migrations/0001_pre_messages.sql` for the meanings."""

    name: str
    urgent: bool
    weight: int
    ttl: float
    """Seconds."""
    coalesce: bool
    on_uncertain: str
    max_attempts: int
    cap_percent: int
    reserve_percent: int


async def list_lanes(connection: Connection) -> list[Lane]:
    """Return every lane, urgent ones first."""
    return [from_row(Lane, row) for row in await connection.fetch(query("list_lanes"))]


async def change(connection: Connection, name: str, values: Mapping[str, Any]) -> bool:
    """Change or create a lane; attributes that are not in `values` stay. Return whether it is new.

    Raises `asyncpg.CheckViolationError` for a value that a lane cannot have.
    """
    row = await connection.fetchrow(query("set_lane"), name, *(values.get(column) for column in COLUMNS))
    return bool(row and row["made"])
