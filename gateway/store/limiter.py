"""Tokens: taken before a request is claimed, returned when its answer is known.

Each call is one statement in a transaction of its own (sql/migrations/0004_pre_functions.sql, "The limiter"). So a
bucket is locked only while Postgres computes, never while a process or a network is slow.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import monotonic
from gateway.store.clock_reference import ClockReference
from gateway.store.pool import Connection, Pool
from gateway.store.sql import query

MIN_WAIT_SECONDS = 0.01

MANAGEMENT_CALL_SECONDS = 60.0
"""Longer than any call that is not a send takes. The token of a process that dies in one returns after this."""


@dataclass(frozen=True, slots=True)
class Token:
    """A spent token. All requests of one claim and kind of lane have equal ones."""

    bound: datetime
    """The last moment at which the request can arrive at the provider, if nothing else becomes known of it."""
    urgent: bool
    taken_at: datetime
    clock_shift: float
    spent: int
    """Tokens that were spent when this one was, including it."""
    taken_total: int
    """Tokens that had been taken from the bucket until then."""
    asked_at: float
    """By the local clock, just before it was taken."""


@dataclass(frozen=True, slots=True)
class TakenTokens:
    """What one call took, and how long to wait for what it did not get."""

    urgent: Mapping[str, int]
    """By lane."""
    others: int
    urgent_token: Token
    others_token: Token
    urgent_in: float
    """Seconds until the urgent tokens may be used."""
    others_in: float
    urgent_wait: float | None
    """Seconds until an urgent lane that got less than it wanted may take another; None if it got all."""
    others_wait: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """What was taken of one sender's pace."""

    parts: float
    wait: float
    """Seconds until there is a token, if nothing was taken."""


@dataclass(frozen=True, slots=True)
class ReturnedToken:
    """What became of a spent token: its request was answered, or no byte of it was sent."""

    token: Token
    answered_at: float | None
    """By the local clock; None if no byte was sent."""


async def take(
    connection: Connection,
    bucket: str,
    urgent: Mapping[str, int],
    others: int,
    *,
    max_tokens: int,
    bound_after: float,
    ahead: float = 0.0,
    clock: ClockReference | None = None,
) -> TakenTokens | None:
    """Take up to so many tokens for each urgent lane and for all other lanes; None if there is no such bucket.

    While other lanes want some, one of `max_tokens` is left to them.

    `bound_after` is how long after this moment a request may arrive at the provider, in seconds. Tokens that return
    within `ahead` seconds are taken too.
    """
    clock = clock or ClockReference()
    asked_at = clock.now()
    row = await connection.fetchrow(
        query("take_tokens"),
        bucket,
        list(urgent),
        list(urgent.values()),
        others,
        max_tokens,
        bound_after,
        ahead,
        clock.expected(asked_at),
        clock.tolerance,
        clock.shift,
    )
    if row is None:
        return None
    clock.record(asked_at, row["taken_at"].timestamp(), row["clock_shift"])
    urgent_token, others_token = (
        Token(row["bound"], is_urgent, row["taken_at"], row["clock_shift"], row["spent"], row["taken_total"], asked_at)
        for is_urgent in (True, False)
    )
    return TakenTokens(
        urgent=dict(zip(urgent, row["urgent_taken"] or (), strict=True)),
        others=row["others_taken"],
        urgent_token=urgent_token,
        others_token=others_token,
        urgent_in=row["urgent_in"],
        others_in=row["others_in"],
        urgent_wait=row["urgent_wait"],
        others_wait=row["others_wait"],
    )


async def return_tokens(connection: Connection, bucket: str, returned: Iterable[ReturnedToken]) -> None:
    """Say what became of spent tokens; those that are not named keep their bound."""
    counts: dict[tuple[Token, bool], int] = {}
    answered_after: dict[Token, float] = {}
    for one in returned:
        counts[one.token, one.answered_at is None] = counts.get((one.token, one.answered_at is None), 0) + 1
        if one.answered_at is not None:
            # The longest of equal tokens: later is always safe.
            after = one.answered_at - one.token.asked_at
            answered_after[one.token] = max(after, answered_after.get(one.token, after))
    if counts:
        tokens = [token for token, _ in counts]
        await connection.execute(
            query("return_tokens"),
            bucket,
            [token.bound for token in tokens],
            [token.taken_at for token in tokens],
            [token.clock_shift for token in tokens],
            [count if token.urgent else 0 for (token, _), count in counts.items()],
            [0 if token.urgent else count for (token, _), count in counts.items()],
            [None if unused else answered_after[token] for token, unused in counts],
        )


async def note_foreign_use(
    connection: Connection, bucket: str, token: Token, *, limit: int, remaining: int, reset_after: float
) -> None:
    """Count as spent what other programs used, by the answer to a request that was sent with this token."""
    await connection.execute(
        query("note_foreign_use"),
        bucket,
        token.taken_at,
        token.spent,
        token.taken_total,
        limit,
        remaining,
        reset_after,
    )


async def throttle(connection: Connection, bucket: str, retry_after: float) -> None:
    """Stop a bucket after a 429, for all replicas."""
    await connection.execute(query("throttle_bucket"), bucket, retry_after)


async def spend_daily(connection: Connection, bucket: str, parts: int, *, bound_after: float) -> bool:
    """Take all these parts of a daily limit in the claim's transaction; False if there are fewer."""
    taken: int | None = await connection.fetchval(query("spend_daily"), bucket, parts, bound_after)
    return taken is None or taken >= parts


async def take_paces(connection: Connection, wanted: Mapping[str, float]) -> dict[str, Pace]:
    """Take up to so many whole tokens of each of these paces; a bucket that does not exist is left out."""
    rows = await connection.fetch(query("take_paces"), list(wanted), list(wanted.values()))
    return {row["name"]: Pace(row["tokens"], row["wait"]) for row in rows}


async def give_back_paces(connection: Connection, unused: Mapping[str, float]) -> None:
    """Give back what a claim did not use; negative for what it borrowed."""
    changed = {name: parts for name, parts in unused.items() if parts}
    if changed:
        await connection.execute(query("give_back_paces"), list(changed), list(changed.values()))


@asynccontextmanager
async def one_token(pool: Pool, bucket: str) -> AsyncIterator[None]:
    """Hold a token during a call outside the outbox. Waits for it; raises what the database raises."""
    while True:
        async with pool.acquire() as connection:
            taken = await take(connection, bucket, {}, 1, max_tokens=1, bound_after=MANAGEMENT_CALL_SECONDS)
        if taken is None or taken.others:
            break
        # No event tells of a token; the bucket says when.
        await asyncio.sleep(max(MIN_WAIT_SECONDS, taken.others_wait or 0.0))
    try:
        yield
    finally:
        if taken is not None:
            returned = ReturnedToken(taken.others_token, answered_at=monotonic())
            async with pool.acquire() as connection:
                await return_tokens(connection, bucket, [returned])
