"""The limiter's buckets: their names, their limits, and their state as a reader sees it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.store.pool import Connection
from gateway.store.sql import query

BUCKET_KINDS = ("requests", "parts", "day", "management")
"""What a bucket limits: the second word of its name, after the route."""


class LimitKind(StrEnum):
    """How a limit counts: the values of `smsgw.bucket_kind`."""

    WINDOW = "window"
    """Never more than the allowance in any period: the provider refuses what exceeds it."""
    PACE = "pace"
    """A smooth rate: what exceeds it waits in the provider's own queue."""


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
    """Return the name of a sending number's daily limit."""
    return f"{route}:day:{sender_id if sender_id is not None else 'default'}"


def bucket_kind(name: str) -> str:
    """Return what a bucket limits: one of `BUCKET_KINDS`."""
    return name.split(":")[1]


def bucket_label(name: str) -> str:
    """Return route and kind of a bucket: the label in metrics. It never holds a sender id."""
    return ":".join(name.split(":")[:2])


def bucket_subject(name: str) -> str:
    """Return the sending number of a bucket, empty for one that has none."""
    return name.split(":", 2)[2] if name.count(":") > 1 else ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the settings allow: `allowance` in any `period` seconds."""

    name: str
    allowance: float
    period: float
    kind: LimitKind = LimitKind.WINDOW
    reserves: bool = False
    """Lanes that are not urgent leave free what the urgent lanes reserve."""
    shared: bool = True
    """Others may have used it before the bucket is made: a limit of the provider's. A daily limit of ours is not."""


@dataclass(frozen=True, slots=True)
class BucketState:
    """A bucket at one moment."""

    name: str
    kind: LimitKind
    allowance: float
    period: float
    """Seconds."""
    capacity: float
    """Tokens when nothing is used."""
    in_use: float
    """The part of the allowance that is in use; less than all of it after 429s."""
    tokens: float
    """What an urgent lane may take now."""
    reserve: int
    urgent_held: int
    """Spent tokens that urgent lanes took."""
    wait: float | None
    """Seconds until an urgent lane may take a token; None if that is not known."""
    others_wait: float | None
    """Seconds until another lane may take one."""
    blocked_for: float
    """Seconds until the bucket gives any token; normally zero."""

    @property
    def rate(self) -> float:
        """Tokens a second, now."""
        return self.in_use / self.period

    @property
    def full_rate(self) -> float:
        """Tokens a second without a recent 429."""
        return self.allowance / self.period


async def configure(connection: Connection, limits: Iterable[Limit]) -> None:
    """Create the buckets of these limits or bring them to their present values."""
    for limit in sorted(limits, key=lambda limit: limit.name):
        await connection.execute(
            query("bucket_configure"),
            limit.name,
            limit.kind.value,
            limit.allowance,
            limit.period,
            limit.reserves,
            limit.shared,
        )


async def list_buckets(connection: Connection, names: Sequence[str] | None = None) -> tuple[list[BucketState], float]:
    """Return the state of buckets, of all without names, and the database's time; takes no lock."""
    rows = await connection.fetch(query("list_buckets"), None if names is None else list(names))
    states = [
        BucketState(
            name=row["name"],
            kind=LimitKind(row["kind"]),
            allowance=row["allowance"],
            period=row["period"],
            capacity=float(row["capacity"]),
            in_use=float(row["in_use"]),
            tokens=float(row["tokens"]),
            reserve=row["reserve"],
            urgent_held=row["urgent_held"],
            wait=row["wait"],
            others_wait=row["others_wait"],
            blocked_for=row["blocked_for"] or 0.0,
        )
        for row in rows
    ]
    return states, rows[0]["now"] if rows else 0.0
