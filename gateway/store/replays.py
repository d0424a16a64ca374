"""Replays: what a replay may do with each message, the locks of a batch, and the stored progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class ReplayDecision:
    """What a replay may do with one message; see `classify_for_replay.sql` for the steps."""

    id: int
    request_id: UUID | None
    parts: int
    members: int
    """Messages in its request."""
    step: str


@dataclass(frozen=True, slots=True)
class Replay:
    """One row of `smsgw.replay`."""

    id: int
    made_at: datetime
    ended_before: datetime
    moved_at: datetime | None
    finished_at: datetime | None
    below: int
    planned: int
    replayed: int
    same_id: int
    resent: int
    left_out: int
    new_ttl: float | None
    """Seconds."""
    allow_duplicates: bool
    stopped: bool
    actor: str
    reason: str | None
    filters: dict[str, Any]

    @property
    def done(self) -> int:
        """Messages that are sent again."""
        return self.replayed + self.same_id + self.resent


async def classify(connection: Connection, ids: Sequence[int], *, new_ttl: bool) -> list[ReplayDecision]:
    """Return what a replay may do with each of these messages."""
    return [
        from_row(ReplayDecision, row)
        for row in await connection.fetch(query("classify_for_replay"), list(ids), new_ttl)
    ]


async def lock(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Lock messages, after their requests, until the transaction ends. Return those that no claim has bound since."""
    requests = [row["id"] for row in await connection.fetch(query("lock_replay_requests"), list(ids))]
    return [row["id"] for row in await connection.fetch(query("lock_replay_messages"), list(ids), requests)]


async def release(connection: Connection, ids: Sequence[int], new_ttl: float | None) -> list[int]:
    """Put locked messages that were certainly not sent back into their queues; return them."""
    return _ids(await connection.fetch(query("release_messages"), list(ids), new_ttl)) if ids else []


async def repeat(connection: Connection, requests: Sequence[UUID], new_ttl: float | None) -> list[int]:
    """Allow another attempt of locked uncertain requests under their own ids; return their messages."""
    return _ids(await connection.fetch(query("repeat_requests"), list(requests), new_ttl)) if requests else []


async def resend(connection: Connection, ids: Sequence[int], new_ttl: float | None) -> list[int]:
    """Send locked messages again in a new generation; return them."""
    return _ids(await connection.fetch(query("resend_messages"), list(ids), new_ttl)) if ids else []


async def wake_gateways(connection: Connection) -> None:
    """Wake the gateways at the commit: messages are ready that no INSERT announced."""
    await connection.execute(query("wake_gateways"))


async def begin(
    connection: Connection,
    *,
    below: int,
    planned: int,
    new_ttl: float | None,
    allow_duplicates: bool,
    actor: str,
    reason: str | None,
    filters: dict[str, Any],
) -> Replay:
    """Create a replay; nothing is sent yet."""
    row = await connection.fetchrow(
        query("create_replay"), below, planned, new_ttl, allow_duplicates, actor, reason, filters
    )
    return _replay(row)


async def take(connection: Connection, replay_id: int) -> Replay | None:
    """Lock a replay until the transaction ends and return it; None when there is none."""
    row = await connection.fetchrow(query("lock_replay"), replay_id)
    return None if row is None else _replay(row)


async def move(
    connection: Connection,
    replay_id: int,
    *,
    below: int,
    released: int,
    repeated: int,
    resent: int,
    left_out: int,
    finished: bool,
) -> Replay:
    """Store the progress of a locked replay."""
    row = await connection.fetchrow(
        query("advance_replay"), replay_id, below, released, repeated, resent, left_out, finished
    )
    return _replay(row)


async def stop(connection: Connection, replay_id: int, *, stopped: bool) -> Replay | None:
    """Stop or resume a replay; None if there is no unfinished one with this id."""
    row = await connection.fetchrow(query("stop_replay"), replay_id, stopped)
    return None if row is None else _replay(row)


async def one(connection: Connection, replay_id: int) -> Replay | None:
    """Return a replay by its id."""
    row = await connection.fetchrow(query("read_replay"), replay_id)
    return None if row is None else _replay(row)


async def latest(connection: Connection, limit: int) -> list[Replay]:
    """Return replays, newest first."""
    return [_replay(row) for row in await connection.fetch(query("list_replays"), limit)]


def _replay(row: "asyncpg.Record | None") -> Replay:
    assert row is not None  # its statement always returns the row  # noqa: S101
    return from_row(Replay, row)


def _ids(rows: "list[asyncpg.Record]") -> list[int]:
    return [row["id"] for row in rows]
