"""What a person decides over a request of which nobody knows, and over messages that are not wanted any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.store.pool import Connection
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Carrier:
    """The request that carries a message, locked."""

    id: UUID
    dispatch: str
    members: tuple[int, ...]
    leased: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """Whether a message can be called back; see `cancel_judge.sql` for the steps."""

    id: int
    request_id: UUID | None
    step: str


async def lock_carrier(connection: Connection, message_id: int) -> Carrier | None:
    """Lock the request of a message until the transaction ends; None when nothing carries it."""
    row = await connection.fetchrow(query("resolve_request"), message_id)
    return None if row is None else Carrier(row["id"], row["dispatch"], tuple(row["members"]), row["leased"])


async def bound(connection: Connection, request_id: UUID) -> dict[int, bool]:
    """Lock and return the messages that a locked request carries, each with whether its time is not over."""
    rows = await connection.fetch(query("resolve_bound"), request_id)
    return {row["id"]: row["wanted"] for row in rows}


async def accepted(connection: Connection, request_id: UUID, reason: str) -> None:
    """Call a locked uncertain request accepted."""
    await connection.execute(query("resolve_accepted"), request_id, reason)


async def failed(connection: Connection, request_id: UUID, reason: str) -> None:
    """Call a locked uncertain request, and its messages, failed."""
    await connection.execute(query("resolve_failed"), request_id, reason)


async def cancellable(connection: Connection, ids: Sequence[int]) -> list[Recall]:
    """Return whether each of these messages can be called back; true for as long as they are locked."""
    return [Recall(*row.values()) for row in await connection.fetch(query("cancel_judge"), list(ids))]
