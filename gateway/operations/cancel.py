"""Call messages back that have certainly not been sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.states import State
from gateway.operations import search
from gateway.operations.errors import NotPossible
from gateway.store import actions, claims, replays, resolutions, searches
from gateway.store.claims import TerminalStatus
from gateway.store.filters import Filters
from gateway.store.pool import Connection

BATCH = 1000

CANCELLABLE = (State.SCHEDULED, State.HELD, State.READY, State.RETRYING)
"""States in which a message may still be called back; of `retrying`, what certainly never left."""

WHY_NOT = {
    "ended": "it has ended already",
    "accepted": "the provider has it",
    "maybe_sent": "it may have been sent, and nobody can call that back",
    "sending": "it is being sent at this moment; try again in a minute",
    "missing": "there is no such message",
}


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was called back, and what could not be."""

    ids: tuple[int, ...]
    refused: Mapping[int, str]
    """By message, why not."""


async def possible(connection: Connection, message_id: int) -> bool:
    """Return whether a message could be called back now; in a moment that may have changed."""
    judged = await resolutions.cancellable(connection, [message_id])
    return any(one.step in ("waiting", "unsent") for one in judged)


async def cancel(connection: Connection, ids: Sequence[int], *, actor: str, because: str) -> Cancelled:
    """Call messages back; those that are sent, or may be, are refused one by one.

    One transaction: requests are locked first, then messages, so neither a claim nor a receipt comes in between. A
    request that was tried and certainly never left is taken apart, and its other messages go back to their places.
    """
    if not because:
        raise NotPossible("say why, for whoever looks for these messages")
    async with connection.transaction():
        free = await replays.lock(connection, ids)
        judged = await resolutions.cancellable(connection, free)
        refused = {one.id: WHY_NOT[one.step] for one in judged if one.step in WHY_NOT}
        unsent = {one.request_id for one in judged if one.step == "unsent" and one.request_id is not None}
        if unsent:
            await claims.requeue_messages(connection, sorted(unsent), new_generation=False)
        wanted = [one.id for one in judged if one.step in ("waiting", "unsent")]
        if wanted:
            await claims.end_messages(connection, wanted, TerminalStatus.CANCELLED, "cancelled: by an operator")
            await actions.record(connection, actor=actor, action="cancel", reason=because, message_ids=sorted(wanted))
    # What was not there to be locked is missing, or a claim took it between the two locks.
    others = sorted(set(ids) - set(free))
    known = set(await searches.matching_ids(connection, others, Filters())) if others else set()
    refused |= {one: WHY_NOT["sending" if one in known else "missing"] for one in others}
    return Cancelled(tuple(sorted(wanted)), refused)


async def cancel_matching(
    connection: Connection,
    filters: Filters,
    *,
    actor: str,
    because: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Call back every message that matches and can be, in batches; return how many.

    Killed in here, what was cancelled stays so, and asking again does the rest.
    """
    states = CANCELLABLE if filters.states is None else filters.states
    never = [state for state in states if state not in CANCELLABLE]
    if never:
        raise NotPossible(f"{', '.join(never)}: cannot be called back; these can: {', '.join(CANCELLABLE)}")
    filters = replace(filters, states=tuple(states))
    count = 0
    async for ids, _ in search.looks(connection, filters, first=BATCH):
        matching = await searches.matching_ids(connection, ids, filters)
        for start in range(0, len(matching), BATCH):
            done = await cancel(connection, matching[start : start + BATCH], actor=actor, because=because)
            count += len(done.ids)
            on_progress(count)
    return count
