"""Stop sending, of everything or of a part, and let it go on."""

from dataclasses import dataclass

from gateway.operations.errors import NotPossible
from gateway.provider.protocol import ROUTES
from gateway.store import actions, lanes, pauses, status
from gateway.store.pauses import Scope
from gateway.store.pool import Connection
from gateway.store.status import Pause

__all__ = ["Pause", "Scope", "listed", "pause", "resume"]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What stood still, and why."""

    scope: Scope
    subject: str
    reason: str


async def pause(
    connection: Connection, scope: Scope, subject: str, *, actor: str, because: str, seconds: float | None = None
) -> Pause:
    """Hold back what has not been sent, for `seconds` or until it is resumed; what is in the air lands.

    Raises `NotPossible` without a reason, for what is paused already, and for a lane or route that is not there.
    """
    if not because:
        raise NotPossible("say why; whoever is called at night will want to know")
    _check(scope, subject)
    await _check_exists(connection, scope, subject)
    async with connection.transaction():
        made = await pauses.pause(connection, scope, subject, actor=actor, reason=because, seconds=seconds)
        standing = await _standing(connection, scope, subject)
        if not made and standing is not None:
            raise NotPossible(
                f"{_name(scope, subject)} is paused already, by {standing.actor}: {standing.reason}; resume it first"
            )
        if standing is None:
            raise NotPossible("a pause of no length stops nothing")
        detail = {"scope": scope.value, "subject": subject, "seconds": seconds}
        await actions.record(connection, actor=actor, action="pause", reason=because, detail=detail)
    return standing


async def resume(
    connection: Connection, scope: Scope, subject: str, *, actor: str, because: str | None = None
) -> Resumed:
    """Let go on what was paused, by whomever; raises `NotPossible` when it was not."""
    _check(scope, subject)
    async with connection.transaction():
        reason = await pauses.resume(connection, scope, subject)
        if reason is None:
            raise NotPossible(f"{_name(scope, subject)} is not paused")
        detail = {"scope": scope.value, "subject": subject, "paused_because": reason}
        await actions.record(connection, actor=actor, action="resume", reason=because or None, detail=detail)
    return Resumed(scope, subject, reason)


async def listed(connection: Connection) -> list[Pause]:
    """Return the pauses in force."""
    return await status.paused(connection)


async def _standing(connection: Connection, scope: Scope, subject: str) -> Pause | None:
    found = await status.paused(connection)
    return next((one for one in found if one.scope == scope.value and one.subject == subject), None)


def _check(scope: Scope, subject: str) -> None:
    if scope is Scope.ALL and subject:
        raise NotPossible("scope all takes no name")
    if scope is not Scope.ALL and not subject:
        raise NotPossible(f"say which {scope.value}: scope {scope.value} takes its name")


async def _check_exists(connection: Connection, scope: Scope, subject: str) -> None:
    """Refuse what a misspelt name would leave running. Tenants and tags are words of the application: any may come."""
    known: dict[Scope, list[str]] = {
        Scope.ROUTE: [*ROUTES],
        Scope.LANE: [lane.name for lane in await lanes.list_lanes(connection)],
    }
    if scope in known and subject not in known[scope]:
        raise NotPossible(f"there is no {scope.value} {subject}; there are: {', '.join(known[scope])}")


def _name(scope: Scope, subject: str) -> str:
    return f"{scope.value} {subject}".strip()
