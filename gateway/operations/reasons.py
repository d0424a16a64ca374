"""What the provider's answers, and our own reasons, mean, and what to do about them: in plain words, in one place.

Used by `smsgw messages show` and `why`, by the console and by docs/errors.md, which a test holds to it. A reason of a
message begins with one of these codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One code."""

    code: str
    means: str
    do: str
    statuses: tuple[int, ...] = ()
    """HTTP statuses of the provider that lead to it."""


_ANSWERS = (
    ReasonCode(
        "bad_request",
        "The provider refused the message: its text is too long, or the number or template is not acceptable. "
        "It was not sent.",
        "Correct the message and enqueue a new one; a replay would be refused again.",
        (400,),
    ),
    ReasonCode(
        "unauthorized",
        "The provider does not accept the API key. Nothing was sent; the route is paused and messages keep "
        "their place.",
        "Set a valid SMSGW_MTA_API_KEY and start the gateway again; the start lifts the pause.",
        (401,),
    ),
    ReasonCode(
        "no_credit",
        "The account has no credits left, or its trial is over. Nothing was sent; the route is paused and "
        "messages keep "
        "their place.",
        "Buy credits, then: smsgw resume route mta. What expired meanwhile: smsgw replay --reason 402 --new-ttl 24h.",
        (402,),
    ),
    ReasonCode(
        "account_restricted",
        "The provider does not let this account send: it is not verified, or on trial. Nothing was sent; the route is "
        "paused.",
        "Settle the account's verification with the provider, then: smsgw resume route mta.",
        (403,),
    ),
    ReasonCode(
        "forbidden",
        "The provider does not permit this message: traffic of this kind is filtered. It was not sent.",
        "Look at the text and the sending number; several in a row speak of the account, not of the message.",
        (403,),
    ),
    ReasonCode(
        "not_found",
        "The provider knows nothing at this address, or not the template or sending number that the message names.",
        "Check template_id, link_id and sender_id of the message, and SMSGW_MTA_BASE_URL.",
        (404,),
    ),
    ReasonCode(
        "not_allowed",
        "The provider does not take this kind of call at this address.",
        "Check SMSGW_MTA_BASE_URL: something else than the provider's API may answer there.",
        (405,),
    ),
    ReasonCode(
        "duplicate",
        "The provider had this request already: an earlier attempt had arrived. The message is accepted, and "
        "nothing was "
        "sent twice.",
        "Nothing.",
        (409,),
    ),
    ReasonCode(
        "duplicate_unexpected",
        "The provider says that it had this request before, though no attempt of ours can have arrived.",
        "Nothing at once: the message counts as accepted and is looked for at the provider. If it repeats, find out "
        "whether a second gateway runs on a copy of this database.",
        (409,),
    ),
    ReasonCode(
        "too_large",
        "The request is larger than the provider takes. It was not sent; the gateway divides such requests by itself.",
        "If a single message is refused so: make its text, variables or image smaller.",
        (413,),
    ),
    ReasonCode(
        "unprocessable",
        "The provider understood the request and refused its content. It was not sent.",
        "Correct the message and enqueue a new one.",
        (422,),
    ),
    ReasonCode(
        "throttled",
        "The provider's request limit was met. Nothing was sent; all replicas wait and start slowly.",
        "Nothing, if it is rare. If not, another program uses the account: raise SMSGW_REQUEST_SPARE.",
        (429,),
    ),
    ReasonCode(
        "http_5xx",
        "The provider failed, and whether it sent the message is not known. It is asked again under the same "
        "request id, "
        "which prevents a second copy.",
        "Nothing; after the horizon the message becomes uncertain and waits for you.",
        (408, 500, 502, 503, 504),
    ),
    ReasonCode(
        "http_4xx",
        "The provider refused the request with a status that its documentation does not name. It was not sent.",
        "Ask the provider's support, with the request id that the timeline shows.",
    ),
    ReasonCode(
        "sent_to_nobody",
        "The provider took the request and sent it to nobody: the number is unsubscribed there, invalid, or abroad.",
        "Check the number; smsgw suppress sync takes over the provider's own list of those who opted out.",
        (200,),
    ),
    ReasonCode(
        "shortfall",
        "The provider sent to fewer numbers than the request has, and does not say to whom.",
        "Nothing: receipts and the provider's listing tell. Those without either become unconfirmed.",
        (200,),
    ),
    ReasonCode(
        "unreadable_answer",
        "The provider said yes in an answer that cannot be read: something between may have answered instead.",
        "Nothing: it is asked again under the same request id. If it repeats, look for a proxy on the way.",
        (200,),
    ),
    ReasonCode(
        "success_false",
        "The provider said yes and no in one answer, so whether it sent is not known.",
        "Nothing: it is asked again under the same request id.",
        (200,),
    ),
)

_WAY = (
    ReasonCode(
        "dns", "The provider's name could not be resolved; nothing left.", "Check the name service of this host."
    ),
    ReasonCode("connect", "No connection to the provider; nothing left.", "Check the network and the firewall."),
    ReasonCode(
        "timeout_connect",
        "The connection to the provider was not made in time; nothing left.",
        "Check the network; if only some calls fail so, lower SMSGW_CONCURRENCY.",
    ),
    ReasonCode(
        "tls",
        "The provider's certificate was not accepted; nothing left.",
        "Check the clock and the root certificates of this host, and whether a proxy breaks TLS open.",
    ),
    ReasonCode("address", "SMSGW_MTA_BASE_URL is no address that can be called.", "Correct it."),
    ReasonCode("not_sent", "The provider could not be reached; nothing left.", "Check the network."),
    ReasonCode(
        "lost_beforehand",
        "The connection was gone before the request was written to it; nothing left.",
        "Nothing: it is sent again. If it is frequent, something between ends idle connections.",
    ),
    ReasonCode(
        "late",
        "Connecting took so long that the request would have left later than the limit gave it leave to; nothing left.",
        "Nothing: it is sent again. If it is frequent, check the network to the provider.",
    ),
    ReasonCode(
        "timeout_read",
        "The request was sent and no answer came in time: it may have arrived. It is asked again under the same id.",
        "Nothing; if it is frequent, raise SMSGW_REQUEST_TIMEOUT and SMSGW_LEASE.",
    ),
    ReasonCode(
        "disconnected",
        "The provider hung up without an answer: the request may have arrived. It is asked again under the same id.",
        "Nothing; if it is frequent, something between ends idle connections.",
    ),
    ReasonCode(
        "cut_off",
        "The answer broke off: the request may have arrived. It is asked again under the same id.",
        "Nothing.",
    ),
    ReasonCode("not_http", "What came back was no HTTP: the request may have arrived.", "Check SMSGW_MTA_BASE_URL."),
    ReasonCode(
        "reset", "The connection broke: the request may have arrived. It is asked again under the same id.", "Nothing."
    ),
    ReasonCode(
        "broken",
        "The call broke in an unexpected way: the request may have arrived.",
        "Nothing; report it if it repeats.",
    ),
    ReasonCode("no_answer", "No complete answer came: the request may have arrived.", "Nothing."),
    ReasonCode(
        "lease_ended",
        "The process that sent the request did not come back from the call: it may have arrived. Another one "
        "asks again "
        "under the same id.",
        "If it repeats, look for processes that are killed: memory, or a shutdown that is too quick.",
    ),
)

_OURS = (
    ReasonCode(
        "arrived",
        "The request that this message was cut out of reached the provider after all, so it may have been sent.",
        "Look for the message at the provider, then: smsgw resolve ID --as accepted, failed or resend.",
    ),
    ReasonCode(
        "refused_in_a_row",
        "Requests one after another were refused for reasons that are not in their texts: the account, the address or "
        "a template. Nothing was sent; the route is paused and messages keep their place.",
        "Check the account, SMSGW_MTA_BASE_URL and the templates in use, then: smsgw resume route mta.",
    ),
    ReasonCode(
        "horizon_passed",
        "An attempt may have arrived, and the provider is no longer trusted to remember its id: asking again "
        "could send "
        "a second copy.",
        "Look for the message at the provider, then: smsgw resolve ID --as accepted, failed or resend.",
    ),
    ReasonCode(
        "attempts_used_up",
        "The attempts are used up.",
        "failed: it was certainly not sent, replay it. uncertain: inside the horizon replay it (same request "
        "id), later "
        "resolve it.",
    ),
    ReasonCode(
        "quarantined",
        "Several processes died while they sent this request: it may be what killed them.",
        "Look at the message and at the processes' logs before you replay it.",
    ),
    ReasonCode(
        "expired",
        "Its time to live was over before it could be sent.",
        "Nothing, if it has lost its use; else: smsgw replay --id ID --new-ttl 1h.",
    ),
    ReasonCode(
        "suppressed",
        "Its number asked not to be written to.",
        "Nothing. Only with the person's consent: smsgw suppress remove, then smsgw replay --state suppressed.",
    ),
    ReasonCode(
        "cancelled", "An operator called it back before it was sent.", "Nothing; smsgw replay --id ID undoes it."
    ),
    ReasonCode(
        "not_encodable",
        "The message cannot be written down as a request.",
        "Look at its body and variables, correct them and enqueue a new one.",
    ),
    ReasonCode("recut", "Its request was taken apart before anything was sent.", "Nothing: it has a new one."),
    ReasonCode("resent", "It was sent again in a new request although the first may have arrived.", "Nothing."),
    ReasonCode("replayed", "An operator had it asked again under the same request id.", "Nothing."),
    ReasonCode("resolved", "An operator settled what became of it.", "Nothing."),
)

_CARRIERS = (
    ReasonCode(
        "undelivered",
        "The carrier took the message and did not deliver it: the phone is off, full or out of reach.",
        "Ask for another number, or replay it (a late delivery is possible, so it counts as risky).",
    ),
    ReasonCode(
        "undeliverable",
        "The number cannot get text messages: a landline, or not in use.",
        "Correct the number; a replay ends the same way.",
    ),
    ReasonCode(
        "rejected",
        "The carrier rejected the message, mostly as unwanted traffic.",
        "Look at the text and at the registration of the sending number (10DLC, toll-free).",
    ),
    ReasonCode(
        "failed", "The carrier or the provider failed to deliver the message.", "Replay it if it is still wanted."
    ),
)

GROUPS: Mapping[str, tuple[ReasonCode, ...]] = MappingProxyType(
    {
        "Answers of the provider": _ANSWERS,
        "Trouble on the way": _WAY,
        "Decisions of the gateway and of operators": _OURS,
        "Words of the carriers": _CARRIERS,
    }
)
"""Every meaning, as docs/errors.md is divided."""

_BY_CODE = {meaning.code: meaning for group in GROUPS.values() for meaning in group}


def explain(code: str | None) -> ReasonCode | None:
    """Return what a code means; takes a whole reason too, of which the code is the beginning."""
    if not code:
        return None
    code = code.partition(":")[0].strip()
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith("http_") and code[5:].isdigit():
        return explain_status(int(code[5:]))
    return None


def explain_status(status: int | None) -> ReasonCode | None:
    """Return what a status of the provider means; of several that it can stand for, the first."""
    if status is None or 200 <= status < 300:
        return None
    for meaning in _ANSWERS:
        if status in meaning.statuses:
            return meaning
    if 400 <= status < 500:
        return _BY_CODE["http_4xx"]
    return _BY_CODE["http_5xx"]
