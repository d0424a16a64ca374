"""The log of operator actions: what operators, and replies, changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Action:
    """One line of the log."""

    id: int
    happened_at: datetime
    actor: str
    action: str
    reason: str | None
    detail: dict[str, Any]
    messages: int
    """How many messages it touched."""
    first_messages: list[int]
    """The first ten of them."""


async def list_actions(
    connection: Connection,
    *,
    below: int | None = None,
    limit: int = 50,
    actor: str | None = None,
    action: str | None = None,
    message_id: int | None = None,
) -> list[Action]:
    """Return the log, newest first, below an id."""
    rows = await connection.fetch(query("list_actions"), below, limit, actor, action, message_id)
    return [from_row(Action, row) for row in rows]


async def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
    message_ids: Sequence[int] = (),
) -> None:
    """Record who changed what, and why; in the transaction of the change itself."""
    await connection.execute(query("add_action"), actor, action, reason, detail or {}, list(message_ids))
