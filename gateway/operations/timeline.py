"""The timeline of one message, with the meaning of each entry."""

from dataclasses import dataclass

from gateway.operations.reasons import ReasonCode, explain, explain_status
from gateway.operations.search import get_message
from gateway.store import messages
from gateway.store.messages import Step
from gateway.store.pool import Connection
from gateway.store.searches import MessageRow


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
    """What its reason means, and what to do."""


async def read_timeline(connection: Connection, message_id: int) -> Timeline | None:
    """Return the timeline of a message; None if there is no such message."""
    message = await get_message(connection, message_id)
    if message is None:
        return None
    steps = await messages.timeline(connection, message_id)
    return Timeline(message, tuple(TimelineEntry(step, _meaning(step)) for step in steps), explain(message.reason))


def _meaning(step: Step) -> ReasonCode | None:
    if step.kind == "ended":
        return explain(step.detail)
    if step.kind != "attempt" or step.detail is None:
        return None
    if step.status is not None:
        return explain_status(step.status)
    # Without an answer, the second word is the code of how the call failed.
    words = step.detail.split(", ")
    return explain(words[1]) if len(words) > 1 else None
