"""The states that a reader of `smsgw.message` sees: the one list of them.

`smsgw.message_state` in the database computes them; README.md explains each in one line.
"""

from enum import StrEnum


class State(StrEnum):
    """The state of a message, in the order of its life."""

    SCHEDULED = "scheduled"
    HELD = "held"
    READY = "ready"
    SENDING = "sending"
    RETRYING = "retrying"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    UNCONFIRMED = "unconfirmed"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the state does not change any more."""
        return self in FINAL_STATES


NOT_SENT_STATES = (State.FAILED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED)
"""Final, and the message was certainly not sent."""

FINAL_STATES = (State.DELIVERED, State.UNDELIVERED, *NOT_SENT_STATES)
OPEN_STATES = tuple(state for state in State if state not in FINAL_STATES)
"""`unconfirmed` is open: a late receipt still changes it."""
