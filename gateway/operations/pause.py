"""Pause and resume sending, of everything or of a scope."""

from dataclasses import dataclass

from gateway.operations import NotPossible
from gateway.provider.registry import ROUTES
from gateway.store import actions, lanes, pauses, status
from gateway.store.pauses import Scope
from gateway.store.pool import Connection
from gateway.store.status import Pause

__all__ = ["Pause", "Scope", "list_pauses", "pause", "resume"]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was paused, and why."""

    scope: Scope
    subject: str
    reason: str


async def pause(
    connection: Connection, scope: Scope, subject: str, *, actor: str, because: str, seconds: float | None = None
) -> Pause:
    """Stop sending a scope, for `seconds` or until it is resumed. Requests in flight are finished.

    Raises `NotPossible` without a reason, for a scope that is already paused, and for an unknown lane or route.
    """
    if not because:
        raise NotPossible("because is required")
    _check(scope, subject)
    await _check_exists(connection, scope, subject)
    async with connection.transaction():
        made = await pauses.pause(connection, scope, subject, actor=actor, reason=because, seconds=seconds)
        in_force = await _find(connection, scope, subject)
        if not made and in_force is not None:
            raise NotPossible(
                f"{_name(scope, subject)} is already paused by {in_force.actor}: {in_force.reason}; resume it first"
            )
        if in_force is None:
            raise NotPossible("the duration must be greater than zero")
        detail = {"scope": scope.value, "subject": subject, "seconds": seconds}
        await actions.record(connection, actor=actor, action="pause", reason=because, detail=detail)
    return in_force


async def resume(
    connection: Connection, scope: Scope, subject: str, *, actor: str, because: str | None = None
) -> Resumed:
    """Resume a scope. Raises `NotPossible` if it was not paused."""
    _check(scope, subject)
    async with connection.transaction():
        reason = await pauses.resume(connection, scope, subject)
        if reason is None:
            raise NotPossible(f"{_name(scope, subject)} is not paused")
        detail = {"scope": scope.value, "subject": subject, "paused_because": reason}
        await actions.record(connection, actor=actor, action="resume", reason=because or None, detail=detail)
    return Resumed(scope, subject, reason)


async def list_pauses(connection: Connection) -> list[Pause]:
    """Return the pauses in force."""
    return await status.paused(connection)


async def _find(connection: Connection, scope: Scope, subject: str) -> Pause | None:
    found = await status.paused(connection)
    return next((one for one in found if one.scope == scope.value and one.subject == subject), None)


def _check(scope: Scope, subject: str) -> None:
    if scope is Scope.ALL and subject:
        raise NotPossible("scope all takes no name")
    if scope is not Scope.ALL and not subject:
        raise NotPossible(f"scope {scope.value} needs the name of the {scope.value}")


async def _check_exists(connection: Connection, scope: Scope, subject: str) -> None:
    """Refuse a lane or route that does not exist: a misspelt one would keep sending. Any tenant or tag may come."""
    known: dict[Scope, list[str]] = {
        Scope.ROUTE: [*ROUTES],
        Scope.LANE: [lane.name for lane in await lanes.list_lanes(connection)],
    }
    if scope in known and subject not in known[scope]:
        raise NotPossible(f"there is no {scope.value} {subject}; known: {', '.join(known[scope])}")


def _name(scope: Scope, subject: str) -> str:
    return f"{scope.value} {subject}".strip()
