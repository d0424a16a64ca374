"""What became of an attempt, written in batches and fenced by the claim's token."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.message import Message
from gateway.domain.status import RequestStatus
from gateway.store.claims import NewRequest
from gateway.store.pool import Connection
from gateway.store.rows import bigints, to_message
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of one attempt, as `complete_attempts.sql` writes it; see there for the columns."""

    request_id: UUID
    token: UUID
    number: int
    outcome: str
    http_status: int | None
    error: str | None
    provider_request_id: str | None
    retry_after: float | None
    duration: float
    status: RequestStatus
    delay: float
    spent: bool
    maybe_arrived: bool
    provider_message_id: str | None
    outbound_ids: tuple[int, ...]
    total_sent: int | None
    verify_reason: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Where a request stands after its attempt was written."""

    request_id: UUID
    status: RequestStatus
    lane: str
    messages: int


async def finish(connection: Connection, results: Sequence[AttemptResult]) -> list[Settled]:
    """Write results; a request that is missing from the answer is held by another worker now."""
    rows = await connection.fetch(query("complete_attempts"), [_columns(result) for result in results])
    return [Settled(row["id"], RequestStatus(row["status"]), row["lane"], row["messages"]) for row in rows]


def _columns(result: AttemptResult) -> tuple[object, ...]:
    """Return the fields of `smsgw.attempt_result`, in its order."""
    return (
        result.request_id,
        result.token,
        result.number,
        result.outcome,
        result.http_status,
        result.error,
        result.provider_request_id,
        result.retry_after,
        result.duration,
        result.status.value,
        result.delay,
        result.spent,
        result.maybe_arrived,
        result.provider_message_id,
        list(result.outbound_ids) or None,
        result.total_sent,
        result.verify_reason,
        result.reason,
    )


async def request_messages(connection: Connection, request_id: UUID) -> list[Message]:
    """Return the messages that are bound to a request, in claim order."""
    return [to_message(row) for row in await connection.fetch(query("request_messages"), request_id)]


async def split(connection: Connection, refused: UUID, halves: Sequence[NewRequest]) -> None:
    """Rebind the messages of a refused request to its halves; in the transaction that wrote the refusal."""
    await connection.execute(
        query("split_request"),
        refused,
        [half.id for half in halves],
        [half.external_id for half in halves],
        [half.body for half in halves],
        [bigints([message.id for message in half.messages]) for half in halves],
        [sum(half.parts) for half in halves],
    )
