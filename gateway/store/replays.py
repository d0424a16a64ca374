"""Replays: what may be done with a message, the locks under which it is done, and the place that was reached."""

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
class Judged:
    """What `replay_judge.sql` says of one message; see there for the steps."""

    id: int
    request_id: UUID | None
    parts: int
    members: int
    """Messages in its request."""
    step: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was begun, as `smsgw.replay` has it."""

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
        """Messages that go again."""
        return self.replayed + self.same_id + self.resent


async def classify(connection: Connection, ids: Sequence[int], *, new_ttl: bool) -> list[Judged]:
    """Return what a replay may do with each of these messages."""
    return [from_row(Judged, row) for row in await connection.fetch(query("replay_judge"), list(ids), new_ttl)]


async def lock(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Lock messages after their requests until the transaction ends; return those that nobody took meanwhile."""
    requests = [row["id"] for row in await connection.fetch(query("replay_lock_requests"), list(ids))]
    return [row["id"] for row in await connection.fetch(query("replay_lock_messages"), list(ids), requests)]


async def release(connection: Connection, ids: Sequence[int], new_ttl: float | None) -> list[int]:
    """Put locked messages that were certainly not sent back into the outbox; return them."""
    return _ids(await connection.fetch(query("replay_release"), list(ids), new_ttl)) if ids else []


async def repeat(connection: Connection, requests: Sequence[UUID], new_ttl: float | None) -> list[int]:
    """Let locked uncertain requests be attempted again under their ids; return their messages."""
    return _ids(await connection.fetch(query("replay_repeat"), list(requests), new_ttl)) if requests else []


async def resend(connection: Connection, ids: Sequence[int], new_ttl: float | None) -> list[int]:
    """Send locked messages again in a new generation; return them."""
    return _ids(await connection.fetch(query("replay_resend"), list(ids), new_ttl)) if ids else []


async def ring(connection: Connection) -> None:
    """Wake the gateways at the commit: there is something ready that no insert told them of."""
    await connection.execute(query("ring"))


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
    """Note a replay; nothing is replayed yet."""
    row = await connection.fetchrow(
        query("replay_begin"), below, planned, new_ttl, allow_duplicates, actor, reason, filters
    )
    return _replay(row)


async def take(connection: Connection, replay_id: int) -> Replay | None:
    """Lock a replay until the transaction ends and return it; None when there is none."""
    row = await connection.fetchrow(query("replay_take"), replay_id)
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
    """Note how far a locked replay has come."""
    row = await connection.fetchrow(
        query("replay_move"), replay_id, below, released, repeated, resent, left_out, finished
    )
    return _replay(row)


async def stop(connection: Connection, replay_id: int, *, stopped: bool) -> Replay | None:
    """Stop a replay, or let it go on; None when there is none that is unfinished."""
    row = await connection.fetchrow(query("replay_stop"), replay_id, stopped)
    return None if row is None else _replay(row)


async def one(connection: Connection, replay_id: int) -> Replay | None:
    """Return a replay by its id."""
    row = await connection.fetchrow(query("replay_one"), replay_id)
    return None if row is None else _replay(row)


async def latest(connection: Connection, limit: int) -> list[Replay]:
    """Return replays, newest first."""
    return [_replay(row) for row in await connection.fetch(query("replay_list"), limit)]


def _replay(row: "asyncpg.Record | None") -> Replay:
    assert row is not None  # its statement always returns the row  # noqa: S101
    return from_row(Replay, row)


def _ids(rows: "list[asyncpg.Record]") -> list[int]:
    return [row["id"] for row in rows]
