"""The limiter's rows: locked at the start of a claim, written back before its commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.quota import NO_USAGE, Quota
from gateway.domain.token_bucket import Bucket
from gateway.store.pool import Connection
from gateway.store.rows import to_bucket
from gateway.store.sql import query

REQUESTS = "requests"
"""Requests to the provider's send endpoint, for the whole account."""

MANAGEMENT = "management"
"""Polling and webhook registration, for this address."""


def parts_bucket(sender_id: int | None) -> str:
    """Return the name of the bucket that paces a sending number; None is the account's default number."""
    return f"parts:{sender_id if sender_id is not None else 'default'}"


def day_bucket(sender_id: int | None) -> str:
    """Return the name of a sending number's daily quota."""
    return f"day:{sender_id if sender_id is not None else 'default'}"


def lane_bucket(lane: str) -> str:
    """Return the name of the bucket that caps an urgent lane."""
    return f"lane:{lane}"


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
