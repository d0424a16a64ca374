"""What an answer means: the one place that decides whether a message may have been sent.

The rule behind every line: *refused* and *never sent* are claims about the world ("the phone will not ring"), so they
need proof; *ambiguous* needs none. Sources: the provider's error catalogue, and docs/design.md, "Outcomes".
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.token_bucket import BURST_SHARE

LARGEST_USUAL_LIMIT = 30
"""Requests in a window, where the answer tells only what remains: the larger of the provider's two usual limits."""


class Outcome(StrEnum):
    """The classes of an attempt's outcome."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    DUPLICATE_UNEXPECTED = "duplicate_unexpected"
    THROTTLED = "throttled"
    REFUSED = "refused"
    BLOCKED = "blocked"
    NEVER_SENT = "never_sent"
    AMBIGUOUS = "ambiguous"


class Phase(StrEnum):
    """How far a call came."""

    HELD_BACK = "held_back"
    """It was too late to begin: the tokens were taken for an earlier moment. Nothing was tried."""
    NOT_SENT = "not_sent"
    """No byte of the request can have reached the provider."""
    MAYBE_SENT = "maybe_sent"
    """Something may have reached it, and no complete answer came back."""
    ANSWERED = "answered"
    """A complete answer came back, readable or not."""


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What an answer says of the provider's window."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds until the window resets."""

    @property
    def nearly_used_up(self) -> bool:
        """Whether less remains than our own bucket may hold, so that it may have to be corrected."""
        return self.remaining is not None and self.remaining < max(
            1.0, BURST_SHARE * (self.limit or LARGEST_USUAL_LIMIT)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call, in the gateway's own words."""

    phase: Phase
    duration: float
    """Seconds from the start of the call to its end."""
    status: int | None = None
    readable: bool = False
    """The body is JSON of the documented shape."""
    success_false: bool = False
    """The body says `success: false` although the status says otherwise."""
    total_sent: int | None = None
    failed_international: int | None = None
    provider_message_id: str | None = None
    outbound_ids: tuple[int, ...] = ()
    provider_request_id: str | None = None
    """The provider's name for this call, for its support."""
    error_name: str | None = None
    account_level: bool = False
    """The refusal is about the account, not about this request."""
    retry_after: float | None = None
    """Seconds, clamped by the reader of the headers."""
    rate: RateHeaders | None = None
    error: str | None = None
    """What went wrong on the way, as a stable code: `connect`, `dns`, `tls`, `timeout_read`, `reset`, …"""


@dataclass(frozen=True, slots=True)
class History:
    """What earlier attempts of the same request id say."""

    recipients: int
    maybe_arrived: bool
    """An earlier attempt may have reached the provider."""
    attempts: int
    """Including the one that is judged."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What an answer means, and for a person why."""

    outcome: Outcome
    reason: str
    """A stable short code."""
    sentence: str
    """What it means; never the provider's own text, which may quote the input."""
    retry_after: float | None = None
    shortfall: int = 0
    """Recipients that the provider did not count as sent, out of an accepted request."""
    splittable: bool = False
    """The content was refused: among many messages, the guilty one can be found by halving."""


CONTENT_STATUSES = frozenset({400, 413, 422})
"""Statuses that speak of what the request carries."""

_SPLITTABLE = CONTENT_STATUSES | {403}
"""Of many messages perhaps only one is meant: a filter that takes offence at a text answers 403 too."""

_REFUSALS = {
    400: ("bad_request", "the provider refused the message: its text, number or template is not acceptable"),
    403: ("forbidden", "the provider does not permit this message on this account"),
    404: ("not_found", "the provider knows nothing at this address, or not the template or sender named"),
    405: ("not_allowed", "the provider does not take this call at this address: check SMSGW_MTA_BASE_URL"),
    413: ("too_large", "the request is larger than the provider takes"),
    422: ("unprocessable", "the provider understood the request and refused its content"),
}

_BLOCKS = {
    401: ("unauthorized", "the provider does not accept the API key: set a valid one and start again"),
    402: ("no_credit", "the account has no credits or its trial is over: buy credits, then resume the route"),
    403: (
        "account_restricted",
        "the account may not send: settle its verification or trial, then resume the route",
    ),
}


def classify(answer: Answer, history: History) -> Classification:
    """Return what an answer means, given what earlier attempts of the same id left open."""
    if answer.phase in {Phase.NOT_SENT, Phase.HELD_BACK}:
        return Classification(
            Outcome.NEVER_SENT,
            answer.error or "not_sent",
            "the provider could not be reached; no byte of the request left",
        )
    if answer.phase is Phase.MAYBE_SENT or answer.status is None:
        return _ambiguous(answer, answer.error or "no_answer", "the connection ended before a complete answer came")
    if 200 <= answer.status < 300:
        return _success(answer, history)
    if answer.status == 409:
        return _conflict(history)
    if answer.status == 429:
        return Classification(
            Outcome.THROTTLED,
            "throttled",
            "the provider's limit was met; nothing was sent",
            retry_after=answer.retry_after,
        )
    if answer.status in {401, 402} or (answer.status == 403 and answer.account_level):
        return Classification(Outcome.BLOCKED, *_BLOCKS[answer.status])
    if 400 <= answer.status < 500 and answer.status != 408:
        reason, sentence = _REFUSALS.get(
            answer.status,
            (f"http_{answer.status}", f"the provider refused the request with status {answer.status}"),
        )
        return Classification(Outcome.REFUSED, reason, sentence, splittable=answer.status in _SPLITTABLE)
    # 408 and 5xx may come from a proxy after the provider took the message; 1xx and 3xx are not documented at all.
    return _ambiguous(
        answer,
        f"http_{answer.status}",
        f"the provider answered {answer.status}; whether it sent is not known",
    )


def _success(answer: Answer, history: History) -> Classification:
    if not answer.readable:
        return _ambiguous(answer, "unreadable_answer", "the provider said yes in a body that cannot be read")
    if answer.success_false:
        # Undocumented: a yes in the status, a no in the body. "Not sent" would need proof, so it stays open.
        return _ambiguous(answer, "success_false", "the provider said yes and no in one answer")
    if answer.total_sent == 0:
        # The count is definite, and the id is used up: what is tried again goes under a new one.
        return Classification(
            Outcome.REFUSED,
            "sent_to_nobody",
            "the provider took the request and sent it to nobody: unsubscribed, invalid or not enabled abroad",
            splittable=True,
        )
    shortfall = 0 if answer.total_sent is None else max(0, history.recipients - answer.total_sent)
    if shortfall:
        return Classification(
            Outcome.ACCEPTED,
            "shortfall",
            f"the provider sent to {answer.total_sent} of {history.recipients} and does not say to whom",
            shortfall=shortfall,
        )
    return Classification(Outcome.ACCEPTED, "accepted", "the provider took the request")


def _conflict(history: History) -> Classification:
    if history.maybe_arrived:
        return Classification(Outcome.DUPLICATE, "duplicate", "an earlier attempt had arrived; nothing was sent twice")
    return Classification(
        Outcome.DUPLICATE_UNEXPECTED,
        "duplicate_unexpected",
        "the provider says it had this request before, though no earlier attempt can have arrived",
    )


def _ambiguous(answer: Answer, reason: str, sentence: str) -> Classification:
    return Classification(Outcome.AMBIGUOUS, reason, sentence, retry_after=answer.retry_after)
