"""Settle what nobody knows: a person found out, or decides."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.operations.errors import NotPossible
from gateway.store import actions, replays, resolutions
from gateway.store.pool import Connection


class As(StrEnum):
    """What became of an uncertain request, as a person says."""

    ACCEPTED = "accepted"
    """It arrived."""
    FAILED = "failed"
    """It certainly did not arrive."""
    RESEND = "resend"
    """Send it again, whatever became of the first."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was settled."""

    request_id: str
    how: As
    messages: tuple[int, ...]
    """All that the request carried: it arrived as one, or not at all."""


async def resolve(
    connection: Connection, message_id: int, how: As, *, actor: str, because: str, new_ttl: float | None = None
) -> Resolved:
    """Settle the uncertain request that carries a message, with every message in it.

    The request's row is locked first, so a receipt that proves it accepted comes either before this, and then there is
    nothing to settle, or after it, and then the receipt wins. Raises `NotPossible` with the reason where the message is
    not uncertain, and for a resend of messages whose time is over unless `new_ttl` (seconds) is given.
    """
    if not because:
        raise NotPossible("say why: what did you find out, and where?")
    async with connection.transaction():
        carrier = await resolutions.lock_carrier(connection, message_id)
        if carrier is None or carrier.dispatch != "uncertain":
            raise NotPossible(f"message {message_id} is not uncertain; see: smsgw messages why {message_id}")
        bound = await resolutions.bound(connection, carrier.id)
        if message_id not in bound:
            raise NotPossible(f"message {message_id} changed just now; look again")
        done = list(bound)
        if how is As.ACCEPTED:
            await resolutions.accepted(connection, carrier.id, "resolved: an operator found that it arrived")
        elif how is As.FAILED:
            await resolutions.failed(connection, carrier.id, "resolved: an operator found that it did not arrive")
        else:
            over = sum(not wanted for wanted in bound.values())
            if over and new_ttl is None:
                raise NotPossible(
                    f"the time to live of {over} of {len(bound)} messages is over; give them a new one (--new-ttl)"
                )
            done = await replays.resend(connection, done, new_ttl)
            await replays.ring(connection)
        await actions.record(
            connection,
            actor=actor,
            action=f"resolve_{how.value}",
            reason=because,
            detail={"request": carrier.id.hex},
            message_ids=sorted(done),
        )
    return Resolved(carrier.id.hex, how, tuple(sorted(done)))
