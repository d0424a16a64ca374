"""The outcomes of an attempt, and what decides them, in the gateway's own words.

Each provider classifies its own answers (`Provider.classify`); the rule is the same for all: *refused* and *never sent*
are claims about the world ("the phone will not ring"), so they need proof; *ambiguous* needs none. See docs/design.md,
"Outcomes of an attempt".
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.reasons import ReasonCode


class Outcome(StrEnum):
    """The class of an attempt's result."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    DUPLICATE_UNEXPECTED = "duplicate_unexpected"
    THROTTLED = "throttled"
    REFUSED = "refused"
    BLOCKED = "blocked"
    NEVER_SENT = "never_sent"
    AMBIGUOUS = "ambiguous"


class Phase(StrEnum):
    """How far a call got."""

    HELD_BACK = "held_back"
    """It was too late to begin. No byte was written."""
    NOT_SENT = "not_sent"
    """No byte of the request can have reached the provider."""
    MAYBE_SENT = "maybe_sent"
    """Something may have reached it, and no complete answer came back."""
    ANSWERED = "answered"
    """A complete answer came back, readable or not."""


class HeldBack(StrEnum):
    """Why an attempt was not made: the last check found it too late. No byte was sent, and it is claimed again."""

    TOKENS_STALE = "tokens_stale"
    """More than SMSGW_SEND_WITHIN after the claim: the limiter's token no longer covers it."""
    LEASE_TOO_SHORT = "lease_too_short"
    """The lease could end before the call does."""
    HORIZON_PASSED = "horizon_passed"
    """The provider may have forgotten the request id."""
    EXPIRED = "expired"
    """The time to live of a message is over."""
    SUPPRESSED = "suppressed"
    """The recipient opted out after the claim."""
    SUPPRESSION_UNKNOWN = "suppression_unknown"
    """The suppression list could not be read again."""
    LATE_CONNECTION = "late_connection"
    """The connection to the provider took too long."""


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What an answer reports of the provider's window."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds until the window resets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call. A provider's own type of answer adds what only it reports."""

    phase: Phase
    duration: float
    """Seconds from the start of the call to its end."""
    status: int | None = None
    """Of HTTP."""
    readable: bool = False
    """The body has the documented shape."""
    total_sent: int | None = None
    """Recipients that the provider counts as sent."""
    provider_message_id: str | None = None
    outbound_ids: tuple[int, ...] = ()
    provider_request_id: str | None = None
    """The provider's name for this call, for its support."""
    error_name: str | None = None
    retry_after: float | None = None
    """Seconds, clamped by the reader of the headers."""
    rate: RateHeaders | None = None
    error: str | None = None
    """What broke the call, as a stable code: `connect`, `dns`, `tls`, `timeout_read`, `reset`, …"""


@dataclass(frozen=True, slots=True)
class History:
    """What earlier attempts of the same request id left open."""

    recipients: int
    maybe_arrived: bool
    """An earlier attempt may have reached the provider."""
    attempts: int
    """Including the one that is classified."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What an answer means, and for an operator why."""

    outcome: Outcome
    reason: str
    """A stable short code."""
    sentence: str
    """What it means; never the provider's own text, which may quote the input."""
    retry_after: float | None = None
    shortfall: int = 0
    """Recipients that the provider did not count as sent, out of an accepted request."""
    splittable: bool = False
    """The content was refused: among several messages, splitting finds the one that is meant."""
    about_content: bool = False
    """A refusal is about what the request carries, and tells nothing of the account, the address or the route."""


def never_sent(answer: Answer) -> Classification:
    """Return what a call means of which no byte reached the provider."""
    return Classification(
        Outcome.NEVER_SENT, answer.error or "not_sent", "the provider could not be reached; the message was not sent"
    )


def ambiguous(answer: Answer, reason: str, sentence: str) -> Classification:
    """Return what an attempt means that may have arrived, and may not."""
    return Classification(Outcome.AMBIGUOUS, reason, sentence, retry_after=answer.retry_after)


def duplicate(history: History, expected: ReasonCode, unexpected: ReasonCode) -> Classification:
    """Return what it means that the provider knows the request id: the request arrived, now or earlier."""
    if history.maybe_arrived:
        return Classification(Outcome.DUPLICATE, expected.code, expected.sentence)
    return Classification(Outcome.DUPLICATE_UNEXPECTED, unexpected.code, unexpected.sentence)
