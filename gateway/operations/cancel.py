"""Cancel messages that were certainly not sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.reasons import CANCELLED
from gateway.domain.states import State
from gateway.operations import NotPossible, search
from gateway.store import actions, claims, replays, resolutions, searches
from gateway.store.claims import TerminalStatus
from gateway.store.filters import Filters
from gateway.store.pool import Connection

BATCH = 1000

CANCELLABLE = (State.SCHEDULED, State.HELD, State.READY, State.RETRYING)
"""States in which a message may be cancelled. A `retrying` one only if it was certainly not sent."""

REFUSALS = {
    "ended": "not cancelled: it is already final",
    "accepted": "not cancelled: the provider has accepted it",
    "maybe_sent": "not cancelled: it may have been sent already",
    "sending": "not cancelled: it is being sent now; try again in a minute",
    "missing": "there is no such message",
}
"""Why a message is not cancelled, by the step that `classify_for_cancel.sql` returns."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was cancelled, and what was not."""

    ids: tuple[int, ...]
    refused: Mapping[int, str]
    """Why not, by message."""


async def is_cancellable(connection: Connection, message_id: int) -> bool:
    """Return whether a message could be cancelled now. That may change at any moment."""
    judged = await resolutions.cancellable(connection, [message_id])
    return any(one.step in ("waiting", "unsent") for one in judged)


async def cancel(connection: Connection, ids: Sequence[int], *, actor: str, because: str) -> Cancelled:
    """Cancel messages. Each one that was or may have been sent is refused by itself.

    One transaction locks requests first, then messages, so neither a claim nor a receipt can come in between. A request
    that was certainly not sent is dissolved, and its other messages return to the queue.
    """
    if not because:
        raise NotPossible("because is required")
    async with connection.transaction():
        free = await replays.lock(connection, ids)
        judged = await resolutions.cancellable(connection, free)
        refused = {one.id: REFUSALS[one.step] for one in judged if one.step in REFUSALS}
        unsent = {one.request_id for one in judged if one.step == "unsent" and one.request_id is not None}
        if unsent:
            await claims.requeue_messages(connection, sorted(unsent), new_generation=False)
        wanted = [one.id for one in judged if one.step in ("waiting", "unsent")]
        if wanted:
            await claims.end_messages(connection, wanted, TerminalStatus.CANCELLED, CANCELLED.reason)
            await actions.record(connection, actor=actor, action="cancel", reason=because, message_ids=sorted(wanted))
    # A message that could not be locked does not exist, or a claim took it between the two locks.
    others = sorted(set(ids) - set(free))
    known = set(await searches.matching_ids(connection, others, Filters())) if others else set()
    refused |= {one: REFUSALS["sending" if one in known else "missing"] for one in others}
    return Cancelled(tuple(sorted(wanted)), refused)


async def cancel_matching(
    connection: Connection,
    filters: Filters,
    *,
    actor: str,
    because: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Cancel every matching message that can be cancelled, in batches; return how many.

    If the process is killed here, finished batches stay cancelled, and running it again does the rest.
    """
    states = CANCELLABLE if filters.states is None else filters.states
    refused = [state for state in states if state not in CANCELLABLE]
    if refused:
        raise NotPossible(f"cannot cancel messages in state {', '.join(refused)}; allowed: {', '.join(CANCELLABLE)}")
    filters = replace(filters, states=tuple(states))
    count = 0
    async for ids, _ in search.iter_candidates(connection, filters, first=BATCH):
        matching = await searches.matching_ids(connection, ids, filters)
        for start in range(0, len(matching), BATCH):
            done = await cancel(connection, matching[start : start + BATCH], actor=actor, because=because)
            count += len(done.ids)
            on_progress(count)
    return count
