"""One message: its row, its timeline, and how a new one is enqueued."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

KINDS = (
    "enqueued", "scheduled", "pause", "resume", "bound", "attempt_begun", "attempt", "accepted", "receipt", "action",
    "ended",
)  # fmt: skip
"""The kinds of steps, in the order in which one transaction causes them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a message."""

    at: datetime
    what: str
    detail: str | None
    status: int | None
    duration: float | None
    provider_request_id: str | None
    """The provider's id of the call, for its support."""
    kind: str
    """One of `KINDS`."""


async def one_message(connection: Connection, message_id: int) -> dict[str, Any] | None:
    """Return one row of `smsgw.message`, None when there is none."""
    row = await connection.fetchrow(query("read_message"), message_id)
    return None if row is None else dict(row)


async def timeline(connection: Connection, message_id: int) -> list[Step]:
    """Return everything that happened to a message, by time, and within one transaction by `KINDS`."""
    steps = [from_row(Step, row) for row in await connection.fetch(query("read_timeline"), message_id)]
    return sorted(steps, key=lambda step: (step.at, KINDS.index(step.kind)))


async def enqueue(connection: Connection, **columns: Any) -> int:
    """Insert a message; raises `asyncpg.InvalidParameterValueError` with a sentence for bad input.

    A column that is left out has the default of `smsgw.enqueue`. Raises `ValueError` for one that it does not have.
    """
    unknown = columns.keys() - set(_COLUMNS)
    if unknown:
        raise ValueError(f"{min(unknown)}: smsgw.enqueue has no such argument")
    message_id: int = await connection.fetchval(query("enqueue_message"), *(columns.get(name) for name in _COLUMNS))
    return message_id


_COLUMNS = (
    "to_number", "body", "to_subscriber_id", "to_group_id", "template_id", "link_id", "media_url", "variables", "lane",
    "tenant", "sender_id", "tags", "reference", "not_before", "expires_at", "dedupe_key", "order_key", "traceparent",
)  # fmt: skip
"""In the order in which `enqueue_message.sql` numbers them."""
