"""Send again: a plan that only looks, then batches, each of them one short transaction.

What may go again and how is decided message by message (`sql/queries/replay_judge.sql`), once for the plan and once
more under the locks of the batch, because in between a receipt may come, a claim may take the message, or another
operator may have replayed it. The order of the locks is the one of the fold and of a finish: requests by id, then
messages.

A replay that dies goes on where it stopped: the place is moved in the transaction of the batch, downward, so each
message is taken once, also when it has failed again meanwhile. Two who go on with one replay take turns on its row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.states import NOT_SENT_STATES, State
from gateway.operations import search
from gateway.operations.errors import NotPossible
from gateway.store import actions, replays, searches
from gateway.store.filters import Filters, from_json, to_json
from gateway.store.pool import Connection
from gateway.store.replays import Judged, Replay

__all__ = ["Filters", "Plan", "Replay", "ReplayCount", "Step", "begin", "find", "latest", "plan", "run", "step", "stop"]

BATCH = 1000
"""Messages of one transaction, at the most."""

PER_SECOND = 5000
"""Messages put back in a second. The limiter decides how fast they are sent; this spares the database."""

USUAL = (State.FAILED, State.EXPIRED, State.UNCERTAIN)
"""States that are replayed where none is named: nobody has these messages, or nobody knows."""

REPLAYABLE = (*NOT_SENT_STATES, State.UNCERTAIN, State.UNDELIVERED, State.UNCONFIRMED)


class Step(StrEnum):
    """What a replay does with a message."""

    RELEASE = "release"
    """Certainly not sent: it goes back into the outbox, and gets a new request."""
    REPEAT = "repeat"
    """The same bytes under the same request id, which the provider still remembers."""
    RESEND = "resend"
    """It may have arrived: a second copy, in a new generation."""
    OVER = "over"
    """Its time to live is over."""
    OPEN = "open"
    """It is on its way already."""
    DONE = "done"
    """It was delivered."""


SAFE = frozenset({Step.RELEASE, Step.REPEAT})


@dataclass(frozen=True, slots=True)
class ReplayCount:
    """So many messages, and what they cost."""

    messages: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do now."""

    filters: Filters
    new_ttl: float | None
    """Seconds."""
    steps: Mapping[Step, ReplayCount]
    also_affected: int
    """Messages that were not asked for but share a request that is repeated; they go along."""
    below: int

    @property
    def found(self) -> int:
        """Messages that match."""
        return sum(tally.messages for tally in self.steps.values())

    @property
    def safe(self) -> ReplayCount:
        """What goes again without a risk of a second copy."""
        return self._sum(SAFE)

    @property
    def risky(self) -> ReplayCount:
        """What may reach a phone twice."""
        return self._sum(frozenset({Step.RESEND}))

    @property
    def left_out(self) -> ReplayCount:
        """What a replay does not touch at all."""
        return self._sum(frozenset({Step.OVER, Step.OPEN, Step.DONE}))

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
    """Return what a replay of these messages would do; changes and locks nothing.

    `new_ttl` gives the messages so many seconds from the replay on. Raises `NotPossible` for states that are never
    replayed.
    """
    filters = _meant(filters)
    steps: dict[Step, list[int]] = {}
    repeated: dict[UUID, int] = {}
    found = 0
    highest = 0
    async for ids, _ in search.looks(connection, filters, first=search.LARGEST_LOOK):
        matching = await searches.matching_ids(connection, ids, filters)
        for one in await replays.classify(connection, matching, new_ttl=new_ttl is not None):
            tally = steps.setdefault(Step(one.step), [0, 0])
            tally[0] += 1
            tally[1] += one.parts
            if one.step == Step.REPEAT and one.request_id is not None:
                repeated[one.request_id] = one.members
        highest = max([highest, *matching[:1]])
        found += len(matching)
        on_progress(found)
    asked = steps.get(Step.REPEAT, [0, 0])[0]
    return Plan(
        filters=filters,
        new_ttl=new_ttl,
        steps={step: ReplayCount(*tally) for step, tally in steps.items()},
        also_affected=sum(repeated.values()) - asked,
        below=highest + 1,
    )


async def begin(
    connection: Connection, planned: Plan, *, actor: str, because: str | None = None, allow_duplicates: bool = False
) -> Replay:
    """Note a replay of what was planned; `run` or `step` carries it out.

    Raises `NotPossible` when second copies are allowed without a reason, or when there is nothing to do.
    """
    if allow_duplicates and not because:
        raise NotPossible("say why a second copy is better than none")
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


async def step(connection: Connection, replay_id: int, *, actor: str | None = None, most: int = BATCH) -> Replay:
    """Carry out one batch and return how far the replay has come.

    Killed in here, the batch is rolled back with its place and its record, and the next one does it. Raises
    `NotPossible` when there is no such replay, or it was stopped.
    """
    async with connection.transaction():
        at = await replays.take(connection, replay_id)
        if at is None:
            raise NotPossible(f"there is no replay {replay_id}")
        if at.finished_at is not None:
            return at
        if at.stopped:
            raise NotPossible(f"replay {replay_id} was stopped")
        filters = replace(from_json(at.filters), ended_until=_earlier(at))
        ids, below, finished = await _next(connection, filters, at.below, most)
        locked = await replays.lock(connection, ids) if ids else []
        # Under the locks once more: what a receipt, a claim or another operator did meanwhile is seen now.
        still = await searches.matching_ids(connection, locked, filters) if locked else []
        judged = await replays.classify(connection, still, new_ttl=at.new_ttl is not None) if still else []
        released, repeated, resent = await _act(connection, judged, at)
        touched = [*released, *repeated, *resent]
        if touched:
            await actions.record(
                connection,
                actor=actor or at.actor,
                action="replay",
                reason=at.reason,
                detail=_detail(at, released, repeated, resent),
                message_ids=touched,
            )
            await replays.ring(connection)
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
    """Carry a replay out to its end, at most so many messages a second; raises what `step` raises."""
    most = max(1, min(BATCH, int(per_second)))
    while True:
        began = monotonic()
        at = await step(connection, replay_id, actor=actor, most=most)
        on_progress(at)
        if at.finished_at is not None:
            return at
        wait = most / per_second - (monotonic() - began)
        if wait > 0:
            await sleep(wait)


async def stop(connection: Connection, replay_id: int, *, actor: str, because: str | None = None) -> Replay:
    """Stop a replay for good, after the batch that is under way; what was replayed stays so."""
    async with connection.transaction():
        stopped = await replays.stop(connection, replay_id, stopped=True)
        if stopped is None:
            raise NotPossible(f"there is no replay {replay_id} under way")
        await actions.record(
            connection, actor=actor, action="replay_stop", reason=because, detail={"replay": replay_id}
        )
    return stopped


async def latest(connection: Connection, most: int = 20) -> list[Replay]:
    """Return replays, the latest first."""
    return await replays.latest(connection, most)


async def find(connection: Connection, replay_id: int) -> Replay | None:
    """Return a replay by its id."""
    return await replays.one(connection, replay_id)


async def _next(connection: Connection, filters: Filters, below: int, most: int) -> tuple[list[int], int, bool]:
    """Return the next messages, below which id to go on, and whether there are no more."""
    async for ids, place in search.looks(connection, filters, below=below, first=most):
        matching = await searches.matching_ids(connection, ids, filters) if ids else []
        if len(matching) > most:
            return matching[:most], matching[most - 1], False
        # One look and no more: where few match, the transaction stays short all the same.
        return matching, 0 if place is None else place, place is None
    return [], 0, True


async def _act(connection: Connection, judged: list[Judged], at: Replay) -> tuple[list[int], list[int], list[int]]:
    by_step: dict[str, list[Judged]] = {}
    for one in judged:
        by_step.setdefault(one.step, []).append(one)
    requests = {one.request_id for one in by_step.get(Step.REPEAT, ()) if one.request_id is not None}
    released = await replays.release(connection, [one.id for one in by_step.get(Step.RELEASE, ())], at.new_ttl)
    repeated = await replays.repeat(connection, sorted(requests), at.new_ttl)
    resent: list[int] = []
    if at.allow_duplicates:
        resent = await replays.resend(connection, [one.id for one in by_step.get(Step.RESEND, ())], at.new_ttl)
    return released, repeated, resent


def _detail(at: Replay, released: list[int], repeated: list[int], resent: list[int]) -> dict[str, Any]:
    counts = {"released": len(released), "repeated": len(repeated), "resent": len(resent)}
    return {"replay": at.id, **{name: count for name, count in counts.items() if count}}


def _meant(filters: Filters) -> Filters:
    """Return the filters with the states that are meant where none is named."""
    if filters.states is None:
        return replace(filters, states=REPLAYABLE if filters.ids is not None else USUAL)
    never = [state for state in filters.states if state not in REPLAYABLE]
    if never:
        raise NotPossible(f"{', '.join(never)}: never replayed; these can be: {', '.join(REPLAYABLE)}")
    return filters


def _earlier(at: Replay) -> datetime:
    given = from_json(at.filters).ended_until
    return at.ended_before if given is None else min(given, at.ended_before)


def _stored(filters: Filters) -> dict[str, Any]:
    """Return filters as a replay stores them; raises `NotPossible` for a phone number, which must not be stored."""
    if filters.number is not None:
        raise NotPossible("a replay cannot store a phone number; search by the number and give the ids instead")
    return to_json(filters)
