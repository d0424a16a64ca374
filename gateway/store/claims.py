"""The claim: one short transaction in which messages are bound to requests and requests are leased.

The functions here are its statements, in the order in which `gateway.dispatch.claimer` uses them. None of them waits
for anything but Postgres, so no lock outlives a few milliseconds (promise 4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.message import Message
from gateway.domain.outcome import HeldBack
from gateway.store.json_values import Unreadable
from gateway.store.pool import Connection, Record
from gateway.store.rows import to_message
from gateway.store.sql import query


class TerminalStatus(StrEnum):
    """Why a message was not sent: the values of `smsgw.terminal_status`."""

    FAILED = "failed"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


Key = tuple[str, str, int]
"""Lane, tenant and sender: the key of a queue."""

MAX_COUNTED = 64
"""Messages of a queue that a scan counts. The claim takes a token for each request that may be needed, so it must know
of a few; beyond this, it takes all it can get."""

Cursor = tuple[datetime, int]
"""The position of a message in its queue: its `not_before`, then its id."""


@dataclass(frozen=True, slots=True)
class QueueHead:
    """The first of a queue that waits: messages of a lane, tenant and sender, or requests to retry.

    Requests to retry have one queue for each lane and sender.
    """

    lane: str
    tenant: str | None
    sender: int
    """0 is the account's default sender."""
    retry: bool
    wait: float
    """Seconds until it is ready; zero or less means now."""
    waiting: int
    """Messages, or requests, that are ready; counted up to `MAX_COUNTED`."""
    urgent: bool
    weight: int
    coalesces: bool
    on_uncertain: str
    max_attempts: int
    pass_value: float
    """Of the lane."""
    tenant_pass_value: float
    newest_first: bool
    """For an urgent lane after an outage: half of the oldest message's time to live is over."""
    route_failures: int
    route_open: bool
    paused: bool = False
    """With its lane or tenant."""
    first: Cursor | None = None
    """Of messages: the cursor of the first one when the scan saw it."""
    scan_seconds: float = 0.0
    """Time that the scan had taken in Postgres when it found this."""


@dataclass(frozen=True, slots=True)
class DueRequest:
    """A request that may be attempted again, locked by this transaction."""

    id: UUID
    lane: str
    sender_id: int | None
    route: str
    external_id: str
    body: bytes
    parts: int
    members: tuple[int, ...]
    attempts: int
    crashes: int
    never_sent_attempts: int
    ambiguous_attempts: int
    crashed: bool
    """Its lease ended in mid-attempt."""
    suppressed: bool
    """It was never attempted, and one of its numbers asked not to be written to."""
    maybe_arrived_ago: float | None
    """Seconds since the first attempt that may have arrived began."""
    oldest_ready: datetime | None
    first_expiry_in: float | None
    last_expiry_in: float | None


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that may go now, locked by this transaction."""

    message: Message
    ready_at: datetime
    """When it could first have gone: its insertion or its `not_before`, whichever is later."""
    cursor: Cursor
    suppressed: bool
    paused_tag: str | None
    """One of its tags that is paused."""
    is_head_of_order_key: bool
    """No earlier message of its order key must go first."""
    order_key: str | None
    unreadable: bool = False
    """Its variables are JSON that only Postgres can read; they are missing from the message."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many messages to read of one lane, tenant and sender."""

    lane: str
    tenant: str
    sender: int
    limit: int
    newest_first: bool
    first: Cursor | None = None
    """Where to begin; None is the start of the queue."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request as it is decided: everything that every attempt of it will repeat."""

    id: UUID
    external_id: str
    body: bytes
    messages: tuple[Message, ...]
    parts: tuple[int, ...]
    """Of each message."""
    lane: str
    tenant: str
    sender_id: int | None
    generation: int


@dataclass(frozen=True, slots=True)
class Due:
    """Whether there is anything of each kind."""

    expired: bool
    parked_by_pause: bool
    """The pause may be over."""
    parked_by_order_key: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """Under which terms a worker holds what it claims."""

    token: UUID
    seconds: float
    worker: str


async def scan_queue_heads(
    connection: Connection,
    route: str,
    messages_after: Mapping[str, tuple[str, int]],
    retries_after: Mapping[str, int],
    max_queues: int,
    known: Sequence[Key] | None = None,
) -> list[QueueHead]:
    """Return what waits, up to `max_queues` queues of messages and of retries in each lane; takes no lock.

    The scan of a lane begins after the queue that is given for it. If queues are `known`, only urgent lanes are
    scanned, and the known queues are returned as if the scan had found messages in them.
    """
    rows = await connection.fetch(
        query("scan_queue_heads"),
        route,
        list(messages_after),
        [tenant for tenant, _ in messages_after.values()],
        [sender for _, sender in messages_after.values()],
        list(retries_after),
        list(retries_after.values()),
        max_queues,
        known is not None,
        *_columns(known or (), 3),
        MAX_COUNTED,
    )
    return [_head(row) for row in rows]


def _head(row: Record) -> QueueHead:
    return QueueHead(
        lane=row["lane"],
        tenant=row["tenant"],
        sender=row["sender"],
        retry=row["retry"],
        wait=row["wait"],
        waiting=row["waiting"],
        urgent=row["urgent"],
        weight=row["weight"],
        coalesces=row["coalesces"],
        on_uncertain=row["on_uncertain"],
        max_attempts=row["max_attempts"],
        pass_value=row["pass_value"],
        tenant_pass_value=row["tenant_pass_value"],
        newest_first=row["newest_first"],
        route_failures=row["route_failures"],
        route_open=row["route_open"],
        paused=row["paused"],
        first=None if row["first_id"] is None else (row["first_at"], row["first_id"]),
        scan_seconds=row["scan_seconds"],
    )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def sweep_work(connection: Connection) -> Due:
    """Return what a look at the whole backlog would have to do."""
    row = await connection.fetchrow(query("has_sweep_work"))
    assert row is not None  # three answers are always a row  # noqa: S101
    return Due(row["expired"], row["parked_by_pause"], row["parked_by_order_key"])


async def lock_due_requests(connection: Connection, wanted: Sequence[tuple[str, int, int]]) -> list[DueRequest]:
    """Lock and return due requests: (lane, sending number, how many) each."""
    rows = await connection.fetch(
        query("lock_due_requests"), [w[0] for w in wanted], [w[1] for w in wanted], [w[2] for w in wanted]
    )
    return [
        DueRequest(
            id=row["id"],
            lane=row["lane"],
            sender_id=row["sender_id"],
            route=row["route"],
            external_id=row["external_id"],
            body=row["body"],
            parts=row["parts"],
            members=tuple(row["members"]),
            attempts=row["attempts"],
            crashes=row["crashes"],
            never_sent_attempts=row["never_sent_attempts"],
            ambiguous_attempts=row["ambiguous_attempts"],
            crashed=row["crashed"],
            suppressed=row["suppressed"],
            maybe_arrived_ago=row["maybe_arrived_ago"],
            oldest_ready=row["oldest_ready"],
            first_expiry_in=row["first_expiry_in"],
            last_expiry_in=row["last_expiry_in"],
        )
        for row in rows
    ]


async def close_expired_leases(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, float]:
    """Close attempts whose lease ended; return for each request how long ago it may first have arrived."""
    rows = await connection.fetch(query("close_expired_leases"), list(ids))
    return {row["id"]: row["maybe_arrived_ago"] for row in rows}


async def lease_retries(connection: Connection, ids: Sequence[UUID], lease: Lease) -> None:
    """Lease requests for one more attempt."""
    await connection.execute(query("lease_retries"), list(ids), lease.token, lease.seconds, lease.worker)


async def lock_waiting_messages(connection: Connection, wanted: Sequence[Wanted]) -> list[WaitingMessage]:
    """Lock and return messages that may go, in claim order inside each queue."""
    rows = await connection.fetch(
        query("lock_waiting_messages"),
        [w.lane for w in wanted],
        [w.tenant for w in wanted],
        [w.sender for w in wanted],
        [w.limit for w in wanted],
        [w.newest_first for w in wanted],
        [None if w.first is None else w.first[0] for w in wanted],
        [None if w.first is None else w.first[1] for w in wanted],
    )
    return [
        WaitingMessage(
            to_message(row),
            row["ready_at"],
            (row["not_before"], row["id"]),
            row["suppressed"],
            row["paused_tag"],
            row["is_head_of_order_key"],
            row["order_key"],
            isinstance(row["variables"], Unreadable),
        )
        for row in rows
    ]


async def park_paused(connection: Connection, held: Sequence[tuple[int, str]]) -> None:
    """Stand locked messages aside, (id, tag) each, until their tag is no longer paused."""
    await connection.execute(query("park_paused"), [h[0] for h in held], [h[1] for h in held])


async def unpark_unpaused(connection: Connection, limit: int) -> int:
    """Unpark up to `limit` messages whose tag is no longer paused; return how many."""
    return len(await connection.fetch(query("unpark_unpaused"), limit))


async def park_ordered(connection: Connection, behind: Sequence[tuple[str, str, int]], limit: int) -> None:
    """Stand locked messages aside, (tenant, order key, id) each, and up to `limit` behind each of them."""
    await connection.execute(
        query("park_ordered"), [b[0] for b in behind], [b[1] for b in behind], [b[2] for b in behind], limit
    )


async def unblock_next_in_order(
    connection: Connection, after: tuple[str, str, int], limit: int
) -> list[tuple[str, str]]:
    """Let the first message of each order key go whose turn it is; return the keys looked at, (tenant, key) each.

    Looks at up to `limit` keys whose (tenant, key, id) is greater than `after`.
    """
    rows = await connection.fetch(query("unblock_next_in_order"), *after, limit)
    return [(row["tenant"], row["order_key"]) for row in rows]


async def create_requests(connection: Connection, requests: Sequence[NewRequest], lease: Lease, route: str) -> None:
    """Store new requests with their first attempt begun, and bind their messages."""
    bound = [
        (message.id, request.id, parts)
        for request in requests
        for message, parts in zip(request.messages, request.parts, strict=True)
    ]
    await connection.execute(
        query("create_requests"),
        [
            (
                request.id,
                request.external_id,
                request.body,
                [message.id for message in request.messages],
                sum(request.parts),
                request.lane,
                request.tenant,
                request.sender_id,
                request.generation,
            )
            for request in requests
        ],
        [message_id for message_id, _, _ in bound],
        [request_id for _, request_id, _ in bound],
        [parts for _, _, parts in bound],
        lease.token,
        lease.seconds,
        lease.worker,
        route,
    )


async def end_messages(connection: Connection, ids: Sequence[int], status: TerminalStatus, reason: str) -> list[str]:
    """Take locked messages off the table unsent; return the lane of each that ended."""
    rows = await connection.fetch(query("end_messages"), list(ids), status.value, reason)
    return [row["lane"] for row in rows]


async def expire(connection: Connection, limit: int) -> list[str]:
    """End up to `limit` messages whose time is over; return the lane of each."""
    return [row["lane"] for row in await connection.fetch(query("expire_messages"), limit)]


async def revert_expired_resends(connection: Connection, limit: int) -> int:
    """Make up to `limit` messages uncertain again that came too late to be sent again; return how many."""
    return len(await connection.fetch(query("revert_expired_resends"), limit))


async def mark_uncertain(connection: Connection, ids: Sequence[UUID], reason: str) -> list[tuple[str, int]]:
    """Stop locked requests whose outcome is not known; return lane and number of messages of each."""
    rows = await connection.fetch(query("mark_uncertain"), list(ids), reason)
    return [(row["lane"], row["messages"]) for row in rows]


async def fail_requests(connection: Connection, ids: Sequence[UUID], status: TerminalStatus, reason: str) -> list[str]:
    """End locked requests that certainly did not arrive; return the lane of each message that ended."""
    rows = await connection.fetch(query("fail_requests"), list(ids), status.value, reason)
    return [row["lane"] for row in rows]


async def requeue_messages(connection: Connection, ids: Sequence[UUID], *, new_generation: bool) -> None:
    """Put the messages of locked requests back into the outbox."""
    await connection.execute(query("requeue_messages"), list(ids), new_generation)


async def release_attempts(
    connection: Connection, claimed: Sequence[tuple[UUID, UUID, int]], *, worker: str, reason: HeldBack
) -> None:
    """Release claims of which no byte was sent: (request id, claim token, attempt number) each."""
    await connection.execute(
        query("release_attempts"),
        [c[0] for c in claimed],
        [c[1] for c in claimed],
        [c[2] for c in claimed],
        worker,
        reason.value,
    )


async def renew_leases(connection: Connection, held: Sequence[tuple[UUID, UUID]], seconds: float) -> set[UUID]:
    """Extend leases, (request id, claim token) each; return the requests that are still held."""
    rows = await connection.fetch(query("lease_renew"), [h[1] for h in held], seconds, [h[0] for h in held])
    return {row["id"] for row in rows}


async def save_shares(connection: Connection, served: Sequence[tuple[str, str, float]]) -> None:
    """Store how much lanes (tenant `*`) and tenants were served by now."""
    await connection.execute(
        query("share_write"), [s[0] for s in served], [s[1] for s in served], [s[2] for s in served]
    )


async def forget_shares(
    connection: Connection, after: tuple[str, str], limit: int, seconds: float
) -> tuple[str, str] | None:
    """Forget tenants that were not served for so long, among the next `limit`; return the last, None behind the end."""
    row = await connection.fetchrow(query("share_forget"), *after, limit, seconds)
    return None if row is None or row["looked"] < limit else (row["lane"], row["tenant"])
