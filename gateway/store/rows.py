"""Rows of the database as values of the domain."""

from datetime import datetime

import asyncpg

from gateway.domain.message import Message, Recipient
from gateway.domain.quota import Quota
from gateway.domain.token_bucket import Bucket
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


def to_bucket(row: asyncpg.Record) -> Bucket | Quota:
    """Return the bucket, or the quota, of a row that `lock_buckets` gave."""
    if row["usage_slices"] is not None:
        return Quota(row["name"], row["allowance"], row["period"], tuple(row["usage_slices"]), row["newest_slice"])
    return Bucket(
        name=row["name"],
        tokens=row["tokens"],
        counted_at=row["counted_at"],
        allowance=row["allowance"],
        period=row["period"],
        margin=row["margin"],
        paced=row["paced"],
        rate_factor=row["rate_factor"],
        blocked_until=row["blocked_until"],
        throttled_at=row["throttled_at"],
        slow_start_at=row["slow_start_at"],
    )


def bigints(values: "list[int] | tuple[int, ...]") -> str:
    """Return a bigint array as Postgres writes it.

    An array of arrays must be rectangular in Postgres, so lists of different lengths travel as an array of texts.
    """
    return "{" + ",".join(map(str, values)) + "}"


def age(moment: datetime, now: float) -> float:
    """Return the seconds from `moment` to `now`, a time of the epoch; never negative."""
    return max(0.0, now - moment.timestamp())
