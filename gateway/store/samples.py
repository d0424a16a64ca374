"""How things stood: a sample every five seconds, and how messages of past half hours fared."""

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
"""Of one half hour that are looked at; beyond, its figures mean "at least"."""

_COHORTS, _DRAWN, _OF_EACH = 12, 200, 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. Waiting messages, seconds of the oldest and messages sent in the step before, each by lane."""

    at: datetime
    waiting: dict[str, float]
    oldest: dict[str, float]
    sent: dict[str, float]
    limiter: dict[str, float]
    """By bucket, which part of it is used up, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The messages that were given to requests in one half hour."""

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
    """Write a sample down; False when another replica did, for this step."""
    done = await connection.execute(query("add_sample"), dict(waiting), dict(oldest), dict(limiter))
    return done.endswith(" 1")


async def prune(connection: Connection) -> None:
    """Forget what is too old."""
    await connection.execute(query("delete_old_samples"), KEPT)


async def since(connection: Connection, seconds: float) -> list[Sample]:
    """Return the samples of the last `seconds`, oldest first."""
    return [from_row(Sample, row) for row in await connection.fetch(query("list_samples"), seconds)]


async def cohorts(connection: Connection) -> list[Cohort]:
    """Return the last six hours by half hours, newest last."""
    return [from_row(Cohort, row) for row in await connection.fetch(query("list_cohorts"), _COHORTS, _DRAWN, _OF_EACH)]
