"""Resolve uncertain messages: an operator knows or decides whether they were sent."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.operations import NotPossible
from gateway.store import actions, replays, resolutions
from gateway.store.pool import Connection


class Resolution(StrEnum):
    """What an operator decides about an uncertain request."""

    ACCEPTED = "accepted"
    """The provider accepted it."""
    FAILED = "failed"
    """It was certainly not sent."""
    RESEND = "resend"
    """Send it again, although the first copy may have arrived."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was resolved."""

    request_id: str
    how: Resolution
    messages: tuple[int, ...]
    """All messages of the request: it arrived as a whole or not at all."""


async def resolve(
    connection: Connection, message_id: int, how: Resolution, *, actor: str, because: str, new_ttl: float | None = None
) -> Resolved:
    """Resolve the uncertain request of a message, with all its messages.

    The request's row is locked first. A receipt that proves it accepted comes either before, and then there is nothing
    to resolve, or after, and then the receipt wins. Raises `NotPossible` if the message is not uncertain, and for a
    resend of messages whose time to live is over unless `new_ttl` (seconds) is given.
    """
    if not because:
        raise NotPossible("because is required")
    async with connection.transaction():
        carrier = await resolutions.lock_carrier(connection, message_id)
        if carrier is None or carrier.status != "uncertain":
            raise NotPossible(
                f"message {message_id} is not uncertain; for its state run: smsgw messages why {message_id}"
            )
        bound = await resolutions.bound(connection, carrier.id)
        if message_id not in bound:
            raise NotPossible(f"message {message_id} has just changed and was not resolved; check it again")
        done = list(bound)
        if how is Resolution.ACCEPTED:
            await resolutions.accepted(connection, carrier.id, "resolved: an operator confirmed that it was sent")
        elif how is Resolution.FAILED:
            await resolutions.failed(connection, carrier.id, "resolved: an operator confirmed that it was not sent")
        else:
            expired = sum(not wanted for wanted in bound.values())
            if expired and new_ttl is None:
                raise NotPossible(f"nothing was sent: {expired} of {len(bound)} messages are expired; use --new-ttl")
            done = await replays.resend(connection, done, new_ttl)
            await replays.wake_gateways(connection)
        await actions.record(
            connection,
            actor=actor,
            action=f"resolve_{how.value}",
            reason=because,
            detail={"request": carrier.id.hex},
            message_ids=sorted(done),
        )
    return Resolved(carrier.id.hex, how, tuple(sorted(done)))
