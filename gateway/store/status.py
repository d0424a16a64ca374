"""The status of the gateway: backlog, limiter, pauses, replicas, routes."""

from dataclasses import dataclass
from datetime import datetime

from gateway.store.breakers import RouteStatus
from gateway.store.buckets import BucketState, list_buckets
from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

MAX_COUNTED = 200_000
"""Waiting messages counted in one lane, and parked messages of each kind. A count that reaches it means "at least"."""


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
    """One active pause."""

    scope: str
    subject: str
    reason: str
    actor: str
    paused_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica."""

    worker: str
    host: str
    pid: int
    version: str
    components: list[str]
    up: float
    silent: float
    """Seconds since its last heartbeat."""
    held_back: float | None = None
    """Seconds since it last released an attempt because it was too late to make it."""
    held_back_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    backlog: list[Backlog]
    buckets: list[BucketState]
    now: float
    """The database's time when the buckets were read, in seconds of the epoch; 0.0 while there is none."""
    pauses: list[Pause]
    replicas: list[Replica]
    routes: list[RouteStatus]
    """Breakers; a route that never failed has none."""


async def backlog(connection: Connection) -> list[Backlog]:
    """Return the messages that are not final, by lane and state."""
    return [from_row(Backlog, row) for row in await connection.fetch(query("count_backlog"), MAX_COUNTED)]


async def paused(connection: Connection) -> list[Pause]:
    """Return the pauses in force."""
    return [from_row(Pause, row) for row in await connection.fetch(query("list_pauses"))]


async def replicas(connection: Connection) -> list[Replica]:
    """Return the processes that run or ran."""
    return [from_row(Replica, row) for row in await connection.fetch(query("list_replicas"))]


async def status(connection: Connection) -> Status:
    """Return everything at once."""
    states, now = await list_buckets(connection)
    return Status(
        backlog=await backlog(connection),
        buckets=states,
        now=now,
        pauses=await paused(connection),
        replicas=await replicas(connection),
        routes=[from_row(RouteStatus, row) for row in await connection.fetch(query("list_routes"))],
    )
