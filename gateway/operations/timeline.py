"""The timeline of one message, with the meaning of each entry."""

from dataclasses import dataclass, replace

from gateway.domain.outcome import Outcome
from gateway.domain.reasons import ATTEMPT_DID_NOT_SEND, MAY_HAVE_ARRIVED, MAYBE_SENT, NOT_SENT, resolve_remedy
from gateway.domain.states import State
from gateway.operations.reasons import ReasonCode, explain, explain_status
from gateway.operations.search import get_message
from gateway.store import messages
from gateway.store.messages import Step
from gateway.store.pool import Connection
from gateway.store.searches import MessageRow

UNDECIDED = (State.HELD, State.READY, State.SENDING, State.RETRYING)
"""States of a message whose request goes out again: an earlier attempt may have arrived."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, and what it means where that is not obvious."""

    step: Step
    meaning: ReasonCode | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A message, and everything that happened to it, in order of time."""

    message: MessageRow
    entries: tuple[TimelineEntry, ...]
    meaning: ReasonCode | None
    """What its reason means for the message, and what to do."""


async def read_timeline(connection: Connection, message_id: int) -> Timeline | None:
    """Return the timeline of a message; None if there is no such message."""
    message = await get_message(connection, message_id)
    if message is None:
        return None
    steps = await messages.timeline(connection, message_id)
    entries = tuple(TimelineEntry(step, _step_meaning(step)) for step in steps)
    return Timeline(message, entries, _message_meaning(message, steps))


def _message_meaning(message: MessageRow, steps: list[Step]) -> ReasonCode | None:
    """Return what the reason means for the message. It is the last attempt's, and an earlier one may have arrived."""
    meaning = explain(message.reason)
    if message.state == State.UNCERTAIN:
        meaning = meaning or ReasonCode(State.UNCERTAIN, MAY_HAVE_ARRIVED, "")
        # MAYBE_SENT announces a retry, and an uncertain message gets none.
        explanation = meaning.explanation.replace(NOT_SENT, MAY_HAVE_ARRIVED).replace(MAYBE_SENT, MAY_HAVE_ARRIVED)
        return replace(meaning, explanation=explanation, remedy=resolve_remedy(message.id))
    if meaning is not None and message.state in UNDECIDED and any(map(_is_ambiguous, steps)):
        return replace(meaning, explanation=meaning.explanation.replace(NOT_SENT, MAY_HAVE_ARRIVED))
    return meaning


def _step_meaning(step: Step) -> ReasonCode | None:
    if step.kind == "ended":
        return explain(step.detail)
    if step.kind != "attempt" or step.detail is None:
        return None
    if step.status is not None:
        meaning = explain_status(step.status)
    else:
        # Without an answer, the second word is the code of how the call failed.
        meaning = explain(step.detail.partition(", ")[2].partition(", ")[0])
    if meaning is None:
        return None
    return replace(meaning, explanation=meaning.explanation.replace(NOT_SENT, ATTEMPT_DID_NOT_SEND))


def _is_ambiguous(step: Step) -> bool:
    return step.kind == "attempt" and (step.detail or "").partition(", ")[0] == Outcome.AMBIGUOUS
