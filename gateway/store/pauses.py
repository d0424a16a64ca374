"""Pauses."""

from enum import StrEnum

from gateway.store.pool import Connection
from gateway.store.sql import query


class Scope(StrEnum):
    """What a pause stops."""

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
    """Pause a scope, for `seconds` or until it is resumed; return False if it was paused already."""
    made = await connection.fetchval(query("set_pause"), scope.value, subject, actor, reason, seconds)
    return made is not None


async def resume(connection: Connection, scope: Scope, subject: str, *, made_by: str | None = None) -> str | None:
    """Resume a scope; return the reason of its pause, None if there was none.

    With `made_by`, only a pause of that actor ends: the gateway ends its own pauses, never an operator's.
    """
    reason: str | None = await connection.fetchval(query("delete_pause"), scope.value, subject, made_by)
    return reason
