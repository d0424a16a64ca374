"""Samples of the backlog every five seconds, and the results of the messages of past half hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query

STEP = 5.0
"""Seconds between two samples."""

KEPT = 86400.0
"""Seconds that a sample is kept."""

MAX_REQUESTS = 4000
"""Requests of one half hour that are read. A half hour that reaches it has figures that mean "at least"."""

_COHORTS, _DRAWN, _OF_EACH = 12, 200, 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. Waiting messages, seconds of the oldest and messages sent in the step before, each by lane."""

    at: datetime
    waiting: dict[str, float]
    oldest: dict[str, float]
    sent: dict[str, float]
    limiter: dict[str, float]
    """The used share of each bucket, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The messages of the requests of one half hour."""

    begun: datetime
    messages: int
    requests: int
    looked_at: int
    """How many of them the other figures are of: all, or a sample."""
    delivered: int
    undelivered: int
    awaiting: int
    """Accepted, and no final receipt yet."""
    not_accepted: int


async def add(
    connection: Connection,
    *,
    waiting: Mapping[str, float],
    oldest: Mapping[str, float],
    limiter: Mapping[str, float],
) -> bool:
    """Store a sample; return False if another replica stored this step."""
    done = await connection.execute(query("add_sample"), dict(waiting), dict(oldest), dict(limiter))
    return done.endswith(" 1")


async def prune(connection: Connection) -> None:
    """Delete old samples."""
    await connection.execute(query("delete_old_samples"), KEPT)


async def since(connection: Connection, seconds: float) -> list[Sample]:
    """Return the samples of the last `seconds`, oldest first."""
    return [from_row(Sample, row) for row in await connection.fetch(query("list_samples"), seconds)]


async def cohorts(connection: Connection) -> list[Cohort]:
    """Return the last six hours by half hours, newest last."""
    return [from_row(Cohort, row) for row in await connection.fetch(query("list_cohorts"), _COHORTS, _DRAWN, _OF_EACH)]
