"""Numbers and texts of messages and replies, which are masked until an operator reveals them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Content:
    """The text and the recipient of a message."""

    to_number: str | None
    body: str | None
    variables: dict[str, Any] | None
    media_url: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, not masked; the caller masks it."""

    id: int
    received_at: datetime
    from_number: str
    to_number: str | None
    body: str | None
    keyword: str | None
    external_id: str | None


async def content(connection: Connection, message_id: int) -> Content | None:
    """Return the text and the recipient of a message."""
    row = await connection.fetchrow(query("read_content"), message_id)
    return None if row is None else from_row(Content, row)


async def replies(
    connection: Connection, *, below: int | None = None, limit: int = 50, keyword: str | None = None
) -> list[Reply]:
    """Return replies, the newest first, from below an id on."""
    return [from_row(Reply, row) for row in await connection.fetch(query("list_replies"), below, limit, keyword)]


async def reply(connection: Connection, reply_id: int) -> Reply | None:
    """Return one reply."""
    row = await connection.fetchrow(query("read_reply"), reply_id)
    return None if row is None else from_row(Reply, row)
