"""The facts that explain what a message waits for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

MAX_AHEAD = 10_000


@dataclass(frozen=True, slots=True)
class Facts:
    """The columns of `read_why_facts.sql`; those of the request are None while the message has no request."""

    id: int
    lane: str
    tenant: str
    sender_id: int | None
    not_before: datetime
    expires_at: datetime
    parked_by: str | None
    park_reason: str | None
    order_key: str | None
    tags: dict[str, Any] | None
    now: datetime
    suppressed: bool
    behind: int | None
    """The message before it in its order key, while it must wait for that one."""
    route: str | None
    available_at: datetime | None
    lease_expires_at: datetime | None
    leased: bool
    worker: str | None
    maybe_arrived_at: datetime | None
    horizon_ends: datetime | None
    last_polled_at: datetime | None
    accepted_at: datetime | None
    unconfirmed_at: datetime | None
    members: int | None
    attempt_began: datetime | None


async def facts(connection: Connection, message_id: int) -> Facts | None:
    """Return the facts of one message; None when there is no such message."""
    row = await connection.fetchrow(query("read_why_facts"), message_id)
    return None if row is None else from_row(Facts, row)


async def ahead(connection: Connection, found: Facts) -> int:
    """Return how many messages are ahead of a waiting one in its queue, up to `MAX_AHEAD`."""
    messages: int = await connection.fetchval(
        query("count_ahead"),
        found.lane,
        found.tenant,
        found.sender_id or 0,
        found.not_before,
        found.id,
        MAX_AHEAD,
    )
    return messages
