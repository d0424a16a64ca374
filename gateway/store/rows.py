"""Rows of the database as values of the domain."""

from datetime import datetime

import asyncpg

from gateway.domain.message import Message, Recipient
from gateway.store.json_values import Unreadable


def to_message(row: asyncpg.Record) -> Message:
    """Return the message of a row that `lock_waiting_messages` or `request_messages` gave."""
    return Message(
        id=row["id"],
        lane=row["lane"],
        tenant=row["tenant"],
        recipient=Recipient(row["to_number"], row["to_subscriber_id"], row["to_group_id"]),
        body=row["body"],
        template_id=row["template_id"],
        link_id=row["link_id"],
        media_url=row["media_url"],
        variables=None if isinstance(row["variables"], Unreadable) else row["variables"],
        sender_id=row["sender_id"],
        tags=row["tags"],
        generation=row["generation"],
        expires_at=row["expires_at"],
    )


def bigints(values: "list[int] | tuple[int, ...]") -> str:
    """Return a bigint array as Postgres writes it.

    An array of arrays must be rectangular in Postgres, so lists of different lengths travel as an array of texts.
    """
    return "{" + ",".join(map(str, values)) + "}"


def age(moment: datetime, now: float) -> float:
    """Return the seconds from `moment` to `now`, a time of the epoch; never negative."""
    return max(0.0, now - moment.timestamp())
