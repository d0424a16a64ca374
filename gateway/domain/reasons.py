"""Reasons: a stable code for why a message is in its state, what the code means, and what an operator does about it.

A stored reason is the code, then the first sentence of its meaning: both come from here, so they are written once. The
codes below are the gateway's own; each provider adds those of its answers (`ProviderKind.reasons`).
`gateway.operations.reasons` has all of them, and a test holds docs/errors.md to it.
"""

from dataclasses import dataclass

ANSWERS = "Answers of the provider"
CONNECTION = "Connection failures"
DECISIONS = "Decisions of the gateway and of operators"
CARRIERS = "Delivery statuses of the carriers"
"""The headings under which codes are explained, in the order of docs/errors.md."""


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One code."""

    code: str
    explanation: str
    """What happened, in the first sentence; then whether the message was sent."""
    remedy: str
    """What an operator does about it. A command ends its line, so that it can be copied without the words around it."""
    statuses: tuple[int, ...] = ()
    """HTTP statuses of the provider that lead to it."""

    @property
    def sentence(self) -> str:
        """The first sentence of the explanation, as it follows the code in a stored reason."""
        first = self.explanation.partition(". ")[0].rstrip(".")
        return first[:1].lower() + first[1:]

    @property
    def reason(self) -> str:
        """The reason as it is stored with a message."""
        return f"{self.code}: {self.sentence}"


def resolve_remedy(message_id: int | None = None) -> str:
    """Return how an operator settles an uncertain message: one command a line."""
    command = f"smsgw resolve {message_id or 'ID'} --because 'REASON' --as"
    return (
        "Find out whether the provider sent it, then run one of these commands.\n"
        f"It was sent: {command} accepted\n"
        f"It was not sent: {command} failed\n"
        f"Not known, and a second copy does no harm: {command} resend"
    )


NOT_SENT = "The message was not sent."
MAYBE_SENT = "The message may have been sent. The gateway repeats the request under the same id."
MAY_HAVE_ARRIVED = "An attempt may have reached the provider, so the message may have been sent."
"""What holds for a message with several attempts, where the two above hold for the last attempt only."""
ATTEMPT_DID_NOT_SEND = "This attempt did not send the message."

CONNECTION_REASONS = (
    ReasonCode("dns", f"The provider's host name could not be resolved. {NOT_SENT}", "Check this host's DNS."),
    ReasonCode("connect", f"Could not connect to the provider. {NOT_SENT}", "Check the network and the firewall."),
    ReasonCode(
        "timeout_connect",
        f"Connecting to the provider took too long. {NOT_SENT}",
        "Check the network; if only some calls fail, lower SMSGW_CONCURRENCY.",
    ),
    ReasonCode(
        "tls",
        f"The provider's TLS certificate was not accepted. {NOT_SENT}",
        "Check this host's clock and root certificates, and whether a proxy intercepts TLS.",
    ),
    ReasonCode("not_sent", f"The provider could not be reached. {NOT_SENT}", "Check the network."),
    ReasonCode(
        "lost_beforehand",
        f"The connection was lost before the request was written to it. {NOT_SENT}",
        "Nothing: the gateway sends it again. If it is frequent, check what closes idle connections on the way.",
    ),
    ReasonCode(
        "late",
        f"Connecting took too long and the rate-limit slot had expired. {NOT_SENT}",
        "Nothing: the gateway sends it again. If it is frequent, check the network to the provider.",
    ),
    ReasonCode(
        "timeout_read",
        f"The request was sent and no answer came in time. {MAYBE_SENT}",
        "Nothing; if it is frequent, raise SMSGW_REQUEST_TIMEOUT and SMSGW_LEASE.",
    ),
    ReasonCode(
        "disconnected",
        f"The provider closed the connection without an answer. {MAYBE_SENT}",
        "Nothing; if it is frequent, check what closes idle connections on the way.",
    ),
    ReasonCode("cut_off", f"The answer was incomplete. {MAYBE_SENT}", "Nothing."),
    ReasonCode("reset", f"The connection broke during the call. {MAYBE_SENT}", "Nothing."),
    ReasonCode(
        "broken", f"The call failed in an unexpected way. {MAYBE_SENT}", "Nothing; report it if it happens again."
    ),
    ReasonCode("no_answer", f"No complete answer came. {MAYBE_SENT}", "Nothing."),
    ReasonCode(
        "lease_ended",
        f"The process that sent the request stopped during the call. {MAYBE_SENT}",
        "If it happens again, look for processes that are killed: out of memory, or a shutdown that is too quick.",
    ),
)

SUPPRESSED = ReasonCode(
    "suppressed",
    f"The recipient opted out. {NOT_SENT}",
    "Nothing. With the recipient's consent, run both commands.\n"
    "To remove the number: smsgw suppress remove NUMBER --because 'REASON'\n"
    "To send what was suppressed: smsgw replay --state suppressed",
)
NOT_ENCODABLE = ReasonCode(
    "not_encodable",
    f"The message cannot be encoded as a request. {NOT_SENT}",
    "Look at its body and variables, correct them and enqueue a new message.",
)
CANCELLED = ReasonCode(
    "cancelled",
    f"An operator cancelled the message. {NOT_SENT}",
    "Nothing. To send it after all: smsgw replay --id ID",
)

DECISION_REASONS = (
    ReasonCode(
        "arrived",
        "The request that this message was split from had reached the provider. The message may have been sent.",
        resolve_remedy(),
    ),
    ReasonCode(
        "horizon_passed",
        "An attempt may have arrived, and the provider may no longer remember the request id. Repeating the request "
        "could send a second copy.",
        resolve_remedy(),
    ),
    ReasonCode(
        "attempts_used_up",
        "The request used up its attempts. A failed message was not sent; an uncertain one may have been sent.",
        "failed: replay it. uncertain: replay it inside the horizon (same request id), resolve it later.",
    ),
    ReasonCode(
        "quarantined",
        "Several processes died while they sent this request. The request may be the cause, and the message may have "
        "been sent.",
        "Look at the message and at the processes' logs before you replay it.",
    ),
    ReasonCode(
        "expired",
        f"Its time to live ended before it could be sent. {NOT_SENT}",
        "Nothing if it is no longer useful; otherwise: smsgw replay --id ID --new-ttl 1h",
    ),
    SUPPRESSED,
    CANCELLED,
    NOT_ENCODABLE,
    ReasonCode("recut", "Its request was dissolved before anything was sent.", "Nothing: it gets a new request."),
    ReasonCode("resent", "It was sent again in a new request, although the first one may have arrived.", "Nothing."),
    ReasonCode("replayed", "An operator had the request repeated under the same id.", "Nothing."),
    ReasonCode("resolved", "An operator decided what became of it.", "Nothing."),
)

CARRIER_REASONS = (
    ReasonCode(
        "undelivered",
        "The carrier took the message and did not deliver it: the phone is off, full or out of reach.",
        "Ask for another number, or replay it (a late delivery is possible, so it counts as risky).",
    ),
    ReasonCode(
        "undeliverable",
        "The number cannot receive text messages: it is a landline or not in use.",
        "Correct the number; a replay ends the same way.",
    ),
    ReasonCode(
        "rejected",
        "The carrier rejected the message, usually as unwanted traffic.",
        "Look at the text and at the registration of the sending number (10DLC, toll-free).",
    ),
    ReasonCode(
        "failed", "The carrier or the provider failed to deliver the message.", "Replay it if it is still wanted."
    ),
)
