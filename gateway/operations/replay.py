"""Replay: a plan that only reads, then batches, each in one short transaction.

`classify_for_replay.sql` decides for each message whether and how it is sent again: once for the plan, and again
under the locks of the batch, because in between a receipt may come, a claim may take the message, or another operator
may replay it. The lock order is that of applying receipts and of completing attempts: requests by id, then messages.

An interrupted replay continues where it stopped. Each batch moves the cursor downward in its own transaction, so every
message is taken once, even if it has failed again since. Two processes that continue one replay alternate on its row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.states import NOT_SENT_STATES, State
from gateway.operations import NotPossible, search
from gateway.store import actions, replays, searches
from gateway.store.filters import Filters, from_json, to_json
from gateway.store.pool import Connection
from gateway.store.replays import Replay, ReplayDecision

__all__ = ["Filters", "Plan", "Replay", "ReplayCount", "Step", "begin", "find", "latest", "plan", "run", "step", "stop"]

BATCH = 1000
"""Most messages of one transaction."""

PER_SECOND = 5000
"""Messages that return to the queue in a second. It limits the load on the database; the limiter paces the sending."""

DEFAULT_STATES = (State.FAILED, State.EXPIRED, State.UNCERTAIN)
"""States that are replayed if none is named: the message was not sent, or it is not known whether it was."""

REPLAYABLE = (*NOT_SENT_STATES, State.UNCERTAIN, State.UNDELIVERED, State.UNCONFIRMED)


class Step(StrEnum):
    """What a replay does with a message; the values of `classify_for_replay.sql`."""

    RELEASE = "release"
    """Certainly not sent: it returns to the queue and gets a new request."""
    REPEAT = "repeat"
    """The same bytes under the same request id, which the provider still remembers."""
    RESEND = "resend"
    """It may have arrived: a second copy, in a new generation."""
    EXPIRED = "expired"
    """Nothing: its time to live is over."""
    IN_PROGRESS = "in_progress"
    """Nothing: it is being sent, or was accepted."""
    DELIVERED = "delivered"
    """Nothing: it was delivered."""


SAFE = frozenset({Step.RELEASE, Step.REPEAT})


@dataclass(frozen=True, slots=True)
class ReplayCount:
    """How many messages, and their parts."""

    messages: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do at this moment."""

    filters: Filters
    new_ttl: float | None
    """Seconds."""
    steps: Mapping[Step, ReplayCount]
    also_affected: int
    """Messages that do not match but share a repeated request. They are sent again with it."""
    below: int

    @property
    def found(self) -> int:
        """Messages that match."""
        return sum(count.messages for count in self.steps.values())

    @property
    def safe(self) -> ReplayCount:
        """Messages that are sent again without the risk of a second copy."""
        return self._sum(SAFE)

    @property
    def risky(self) -> ReplayCount:
        """Messages that may reach a phone twice."""
        return self._sum(frozenset({Step.RESEND}))

    @property
    def left_out(self) -> ReplayCount:
        """Messages that a replay does not change."""
        return self._sum(frozenset({Step.EXPIRED, Step.IN_PROGRESS, Step.DELIVERED}))

    def _sum(self, steps: frozenset[Step]) -> ReplayCount:
        some = [self.steps.get(step, ReplayCount()) for step in steps]
        return ReplayCount(sum(one.messages for one in some), sum(one.parts for one in some))


async def plan(
    connection: Connection,
    filters: Filters,
    *,
    new_ttl: float | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Return what a replay of these messages would do. Changes and locks nothing.

    `new_ttl` is their time to live in seconds, from the replay. Raises `NotPossible` for states that are never
    replayed.
    """
    filters = _with_default_states(filters)
    steps: dict[Step, list[int]] = {}
    repeated: dict[UUID, int] = {}
    found = 0
    highest = 0
    async for ids, _ in search.iter_candidates(connection, filters, first=search.MAX_BATCH):
        matching = await searches.matching_ids(connection, ids, filters)
        for one in await replays.classify(connection, matching, new_ttl=new_ttl is not None):
            counts = steps.setdefault(Step(one.step), [0, 0])
            counts[0] += 1
            counts[1] += one.parts
            if one.step == Step.REPEAT and one.request_id is not None:
                repeated[one.request_id] = one.members
        highest = max([highest, *matching[:1]])
        found += len(matching)
        on_progress(found)
    matching_repeats = steps.get(Step.REPEAT, [0, 0])[0]
    return Plan(
        filters=filters,
        new_ttl=new_ttl,
        steps={step: ReplayCount(*counts) for step, counts in steps.items()},
        also_affected=sum(repeated.values()) - matching_repeats,
        below=highest + 1,
    )


async def begin(
    connection: Connection, planned: Plan, *, actor: str, because: str | None = None, allow_duplicates: bool = False
) -> Replay:
    """Record a planned replay; `run` or `step` executes it.

    Raises `NotPossible` if duplicates are allowed without a reason, or if there is nothing to do.
    """
    if allow_duplicates and not because:
        raise NotPossible("because is required with allow_duplicates")
    wanted = planned.safe.messages + (planned.risky.messages if allow_duplicates else 0)
    if not wanted:
        raise NotPossible("there is nothing to replay")
    return await replays.begin(
        connection,
        below=planned.below,
        planned=wanted,
        new_ttl=planned.new_ttl,
        allow_duplicates=allow_duplicates,
        actor=actor,
        reason=because,
        filters=_stored(planned.filters),
    )


async def step(connection: Connection, replay_id: int, *, actor: str | None = None, limit: int = BATCH) -> Replay:
    """Execute one batch and return the progress of the replay.

    If the process is killed here, the batch is rolled back with its cursor and log entry, and is done by the next call.
    Raises `NotPossible` if there is no such replay, or if it was stopped.
    """
    async with connection.transaction():
        at = await replays.take(connection, replay_id)
        if at is None:
            raise NotPossible(f"there is no replay {replay_id}")
        if at.finished_at is not None:
            return at
        if at.stopped:
            raise NotPossible(f"replay {replay_id} was stopped")
        filters = _filters(at)
        ids, below, finished = await _next(connection, filters, at.below, limit)
        locked = await replays.lock(connection, ids) if ids else []
        # Again under the locks, to see what a receipt, a claim or another operator has changed since.
        matching = await searches.matching_ids(connection, locked, filters) if locked else []
        judged = await replays.classify(connection, matching, new_ttl=at.new_ttl is not None) if matching else []
        released, repeated, resent = await _apply(connection, judged, at)
        changed = {"released": released, "repeated": repeated, "resent": resent}
        touched = [*released, *repeated, *resent]
        if touched:
            await actions.record(
                connection,
                actor=actor or at.actor,
                action="replay",
                reason=at.reason,
                detail={"replay": at.id, **{how: len(some) for how, some in changed.items() if some}},
                message_ids=touched,
            )
            await replays.wake_gateways(connection)
        return await replays.move(
            connection,
            replay_id,
            below=below,
            released=len(released),
            repeated=len(repeated),
            resent=len(resent),
            left_out=len(set(ids) - set(touched)),
            finished=finished,
        )


async def run(
    connection: Connection,
    replay_id: int,
    *,
    actor: str | None = None,
    per_second: float = PER_SECOND,
    on_progress: Callable[[Replay], None] = lambda _: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Replay:
    """Execute a replay to its end, at most `per_second` messages a second. Raises what `step` raises."""
    limit = max(1, min(BATCH, int(per_second)))
    while True:
        began = monotonic()
        at = await step(connection, replay_id, actor=actor, limit=limit)
        on_progress(at)
        if at.finished_at is not None:
            return at
        wait = limit / per_second - (monotonic() - began)
        if wait > 0:
            await sleep(wait)


async def stop(connection: Connection, replay_id: int, *, actor: str, because: str | None = None) -> Replay:
    """Stop a replay for good, after its current batch. Messages that were replayed stay so."""
    async with connection.transaction():
        stopped = await replays.stop(connection, replay_id, stopped=True)
        if stopped is None:
            raise NotPossible(f"there is no unfinished replay {replay_id}")
        await actions.record(
            connection, actor=actor, action="replay_stop", reason=because, detail={"replay": replay_id}
        )
    return stopped


async def latest(connection: Connection, limit: int = 20) -> list[Replay]:
    """Return replays, newest first."""
    return await replays.latest(connection, limit)


async def find(connection: Connection, replay_id: int) -> Replay | None:
    """Return a replay by its id."""
    return await replays.one(connection, replay_id)


async def _next(connection: Connection, filters: Filters, below: int, limit: int) -> tuple[list[int], int, bool]:
    """Return the next messages, the id below which to continue, and whether there are no more."""
    async for ids, next_below in search.iter_candidates(connection, filters, below=below, first=limit):
        matching = await searches.matching_ids(connection, ids, filters) if ids else []
        if len(matching) > limit:
            return matching[:limit], matching[limit - 1], False
        # Only one batch of candidates, so that the transaction stays short even where few messages match.
        return matching, 0 if next_below is None else next_below, next_below is None
    return [], 0, True


async def _apply(
    connection: Connection, judged: list[ReplayDecision], at: Replay
) -> tuple[list[int], list[int], list[int]]:
    by_step: dict[str, list[ReplayDecision]] = {}
    for one in judged:
        by_step.setdefault(one.step, []).append(one)
    requests = {one.request_id for one in by_step.get(Step.REPEAT, ()) if one.request_id is not None}
    released = await replays.release(connection, [one.id for one in by_step.get(Step.RELEASE, ())], at.new_ttl)
    repeated = await replays.repeat(connection, sorted(requests), at.new_ttl)
    resent: list[int] = []
    if at.allow_duplicates:
        resent = await replays.resend(connection, [one.id for one in by_step.get(Step.RESEND, ())], at.new_ttl)
    return released, repeated, resent


def _with_default_states(filters: Filters) -> Filters:
    """Return the filters with the default states if none is named."""
    if filters.states is None:
        return replace(filters, states=REPLAYABLE if filters.ids is not None else DEFAULT_STATES)
    refused = [state for state in filters.states if state not in REPLAYABLE]
    if refused:
        raise NotPossible(f"cannot replay messages in state {', '.join(refused)}; allowed: {', '.join(REPLAYABLE)}")
    return filters


def _filters(at: Replay) -> Filters:
    """Return the filters of a replay. What ended after it began is left out."""
    try:
        filters = from_json(at.filters)
    except ValueError:
        raise NotPossible(f"replay {at.id} has a filter of a newer release; continue it with that release") from None
    given = filters.ended_until
    return replace(filters, ended_until=at.ended_before if given is None else min(given, at.ended_before))


def _stored(filters: Filters) -> dict[str, Any]:
    """Return filters as a replay stores them; raises `NotPossible` for a phone number, which must not be stored."""
    if filters.number is not None:
        raise NotPossible("a replay cannot store a phone number; search by the number and give the ids instead")
    return to_json(filters)
