"""What stands where: backlog, limiter, pauses, replicas."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.quota import Quota
from gateway.domain.token_bucket import Bucket
from gateway.store.breakers import RouteStatus
from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.rows import to_bucket
from gateway.store.sql import query

MOST_COUNTED = 200_000
"""Waiting messages counted in one lane, and of each kind that stands aside; beyond, the figure means "at least"."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages of one lane in one state."""

    lane: str
    state: str
    messages: int
    oldest: float | None
    """Seconds since the oldest could have gone; for `ready` and `held` only."""
    at_least: bool = False
    """There may be more: the count reached its bound."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that stands still."""

    scope: str
    subject: str
    reason: str
    actor: str
    paused_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replica:
    """A process that runs."""

    worker: str
    host: str
    pid: int
    version: str
    components: list[str]
    up: float
    silent: float
    """Seconds since its last heartbeat."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at once."""

    backlog: list[Backlog]
    buckets: list[tuple[Bucket | Quota, float]]
    """Each with the tokens that it would give now."""
    now: float
    """The database's time when the buckets were read, in seconds of the epoch; 0.0 while there is none."""
    pauses: list[Pause]
    replicas: list[Replica]
    routes: list[RouteStatus]
    """Breakers; a route that never failed has none."""


async def backlog(connection: Connection) -> list[Backlog]:
    """Return what is not final, by lane and state."""
    return [from_row(Backlog, row) for row in await connection.fetch(query("count_backlog"), MOST_COUNTED)]


async def paused(connection: Connection) -> list[Pause]:
    """Return the pauses in force."""
    return [from_row(Pause, row) for row in await connection.fetch(query("list_pauses"))]


async def status(connection: Connection) -> Status:
    """Return everything at once."""
    buckets = await connection.fetch(query("status_buckets"))
    return Status(
        backlog=await backlog(connection),
        buckets=[(to_bucket(row), to_bucket(row).available(row["now"])) for row in buckets],
        now=buckets[0]["now"] if buckets else 0.0,
        pauses=await paused(connection),
        replicas=[from_row(Replica, row) for row in await connection.fetch(query("list_replicas"))],
        routes=[from_row(RouteStatus, row) for row in await connection.fetch(query("list_routes"))],
    )
