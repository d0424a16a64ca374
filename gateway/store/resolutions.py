"""The decisions of operators: the result of an uncertain request, and which messages to cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Carrier:
    """The request that carries a message, locked."""

    id: UUID
    status: str


@dataclass(frozen=True, slots=True)
class CancelDecision:
    """Whether a message can be cancelled; see `classify_for_cancel.sql` for the steps."""

    id: int
    request_id: UUID | None
    step: str


async def lock_carrier(connection: Connection, message_id: int) -> Carrier | None:
    """Lock the request of a message until the transaction ends; None if it has none."""
    row = await connection.fetchrow(query("lock_message_request"), message_id)
    return None if row is None else from_row(Carrier, row)


async def bound(connection: Connection, request_id: UUID) -> dict[int, bool]:
    """Lock and return the messages of a locked request, each with whether it may still be sent."""
    rows = await connection.fetch(query("lock_request_messages"), request_id)
    return {row["id"]: row["may_send"] for row in rows}


async def accepted(connection: Connection, request_id: UUID, reason: str) -> None:
    """Set a locked uncertain request to accepted."""
    await connection.execute(query("resolve_as_accepted"), request_id, reason)


async def failed(connection: Connection, request_id: UUID, reason: str) -> None:
    """Set a locked uncertain request and its messages to failed."""
    await connection.execute(query("resolve_as_failed"), request_id, reason)


async def cancellable(connection: Connection, ids: Sequence[int]) -> list[CancelDecision]:
    """Return whether each of these messages can be cancelled; valid while they are locked."""
    return [from_row(CancelDecision, row) for row in await connection.fetch(query("classify_for_cancel"), list(ids))]
