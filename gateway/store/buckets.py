"""The limiter's rows: locked at the start of a claim, written back before its commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.quota import NO_USAGE, Quota
from gateway.domain.token_bucket import Bucket
from gateway.store.pool import Connection
from gateway.store.rows import to_bucket
from gateway.store.sql import query

BUCKET_KINDS = ("requests", "parts", "day", "lane", "management")
"""What a bucket limits: the second word of its name, after the route."""


def requests_bucket(route: str) -> str:
    """Return the name of the bucket of a route's send requests, for the whole account."""
    return f"{route}:requests"


def management_bucket(route: str) -> str:
    """Return the name of the bucket of a route's other calls: polling and webhook registration."""
    return f"{route}:management"


def parts_bucket(route: str, sender_id: int | None) -> str:
    """Return the name of the bucket that paces a sending number; None is the account's default number."""
    return f"{route}:parts:{sender_id if sender_id is not None else 'default'}"


def day_bucket(route: str, sender_id: int | None) -> str:
    """Return the name of a sending number's daily quota."""
    return f"{route}:day:{sender_id if sender_id is not None else 'default'}"


def lane_bucket(route: str, lane: str) -> str:
    """Return the name of the bucket that caps an urgent lane on a route."""
    return f"{route}:lane:{lane}"


def bucket_kind(name: str) -> str:
    """Return what a bucket limits: one of `BUCKET_KINDS`."""
    return name.split(":")[1]


def bucket_label(name: str) -> str:
    """Return route and kind of a bucket: the label in metrics. It never holds a sender id or a lane."""
    return ":".join(name.split(":")[:2])


def bucket_subject(name: str) -> str:
    """Return the sending number or lane of a bucket, empty for one that has none."""
    return name.split(":", 2)[2] if name.count(":") > 1 else ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the settings allow: `allowance` in any `period` seconds."""

    name: str
    allowance: float
    period: float
    margin: float = 0.0
    paced: bool = False
    quota: bool = False
    starts_full: bool = False
    """A new bucket holds its burst at once: of a cap of ours, not of a limit of the provider's."""

    @property
    def first_tokens(self) -> float:
        """What a new bucket of this limit holds."""
        return Bucket(self.name, 0.0, 0.0, self.allowance, self.period).burst if self.starts_full else 0.0


async def configure(connection: Connection, limits: Iterable[Limit]) -> None:
    """Create the buckets of these limits or bring them to their present values."""
    for limit in sorted(limits, key=lambda limit: limit.name):
        await connection.execute(
            query("bucket_configure"),
            limit.name,
            limit.allowance,
            limit.period,
            limit.margin,
            limit.paced,
            list(NO_USAGE) if limit.quota else None,
            limit.first_tokens,
        )


async def lock(connection: Connection, names: Sequence[str]) -> tuple[dict[str, Bucket | Quota], float]:
    """Lock buckets until the transaction ends; return those that exist, by name, and the database's time."""
    rows = await connection.fetch(query("lock_buckets"), list(names))
    now = min((row["now"] for row in rows), default=0.0)
    return {row["name"]: to_bucket(row) for row in rows}, now


async def write(connection: Connection, changed: Sequence[Bucket | Quota]) -> None:
    """Write back buckets that this transaction locked."""
    rows = [_columns(bucket) for bucket in changed]
    await connection.execute(query("bucket_write"), *(list(column) for column in zip(*rows, strict=True)))


def _columns(bucket: Bucket | Quota) -> tuple[object, ...]:
    if isinstance(bucket, Quota):
        slices = "{" + ",".join(map(repr, bucket.usage_slices)) + "}"
        return bucket.name, 0.0, bucket.counted_at, 1.0, None, None, None, slices, bucket.newest_slice
    return (
        bucket.name,
        bucket.tokens,
        bucket.counted_at,
        bucket.rate_factor,
        bucket.blocked_until,
        bucket.throttled_at,
        bucket.slow_start_at,
        None,
        None,
    )
