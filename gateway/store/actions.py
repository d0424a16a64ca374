"""What people, and replies, changed: the operator's log."""

from collections.abc import Sequence
from typing import Any

from gateway.store.pool import Connection
from gateway.store.sql import query


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
    await connection.execute(query("operator_action_add"), actor, action, reason, detail or {}, list(message_ids))
