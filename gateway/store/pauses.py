"""What stands still, and why."""

from enum import StrEnum

from gateway.store.pool import Connection
from gateway.store.sql import query


class Scope(StrEnum):
    """What a pause holds."""

    ALL = "all"
    ROUTE = "route"
    LANE = "lane"
    TENANT = "tenant"
    TAG = "tag"


async def pause(
    connection: Connection,
    scope: Scope,
    subject: str,
    *,
    actor: str,
    reason: str,
    seconds: float | None = None,
) -> bool:
    """Stop a scope, for `seconds` or until somebody lifts it; return False when it was stopped before."""
    made = await connection.fetchval(query("set_pause"), scope.value, subject, actor, reason, seconds)
    return made is not None


async def resume(connection: Connection, scope: Scope, subject: str, *, made_by: str | None = None) -> str | None:
    """Let a scope go on; return the reason of the pause that was lifted, None if there was none.

    With `made_by`, only a pause of that actor is lifted: the gateway takes back its own, never a person's.
    """
    reason: str | None = await connection.fetchval(query("delete_pause"), scope.value, subject, made_by)
    return reason
