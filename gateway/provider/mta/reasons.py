"""What the answers of Mobile Text Alerts mean, and what an operator does about each."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.domain.reasons import ANSWERS, CONNECTION, DECISIONS, MAYBE_SENT, NOT_SENT, ReasonCode

KEY_SETTING = "SMSGW_MTA_API_KEY"
URL_SETTING = "SMSGW_MTA_BASE_URL"
ROUTE = "mta"

_PAUSED = f"{NOT_SENT} The route is paused and waiting messages keep their place."

BAD_REQUEST = ReasonCode(
    "bad_request",
    f"The provider refused the message: its text is too long, or its number or template is not acceptable. {NOT_SENT}",
    "Correct the message and enqueue a new one; a replay would be refused again.",
    (400,),
)
UNAUTHORIZED = ReasonCode(
    "unauthorized",
    f"The provider does not accept the API key. {_PAUSED}",
    f"Set a valid {KEY_SETTING} and restart the gateway; the start resumes the route.",
    (401,),
)
NO_CREDIT = ReasonCode(
    "no_credit",
    f"The account has no credits left, or its trial is over. {_PAUSED}",
    f"Buy credits, then: smsgw resume route {ROUTE}\n"
    "For messages that expired: smsgw replay --reason 402 --new-ttl 24h",
    (402,),
)
ACCOUNT_RESTRICTED = ReasonCode(
    "account_restricted",
    f"The provider does not let this account send: it is not verified, or on trial. {_PAUSED}",
    f"Complete the account's verification with the provider, then: smsgw resume route {ROUTE}",
    (403,),
)
FORBIDDEN = ReasonCode(
    "forbidden",
    f"The provider does not permit this message: its filter refuses such traffic. {NOT_SENT}",
    "Look at the text and the sending number. Consecutive refusals point to the account, not to the message.",
    (403,),
)
NOT_FOUND = ReasonCode(
    "not_found",
    f"The provider does not know this address, or the template or sending number of the message. {NOT_SENT}",
    f"Check template_id, link_id and sender_id of the message, and {URL_SETTING}.",
    (404,),
)
NOT_ALLOWED = ReasonCode(
    "not_allowed",
    f"The provider does not accept this kind of call at this address. {NOT_SENT}",
    f"Check {URL_SETTING}: something other than the provider's API may answer there.",
    (405,),
)
DUPLICATE = ReasonCode(
    "duplicate",
    "The provider already had this request: an earlier attempt had arrived. The message was accepted and sent once.",
    "Nothing.",
    (409,),
)
DUPLICATE_UNEXPECTED = ReasonCode(
    "duplicate_unexpected",
    "The provider reports that it already had this request, although no earlier attempt can have arrived. The message "
    "counts as accepted, and the gateway looks for it in the provider's delivery listing.",
    "Nothing at first. If it happens again, find out whether a second gateway runs on a copy of this database.",
    (409,),
)
TOO_LARGE = ReasonCode(
    "too_large",
    f"The request is larger than the provider accepts. {NOT_SENT} A request of several messages is split.",
    "If a single message is refused: make its text, variables or image smaller.",
    (413,),
)
UNPROCESSABLE = ReasonCode(
    "unprocessable",
    f"The provider understood the request and refused its content. {NOT_SENT}",
    "Correct the message and enqueue a new one.",
    (422,),
)
THROTTLED = ReasonCode(
    "throttled",
    f"The provider's request limit was reached. {NOT_SENT} All replicas wait and start again slowly.",
    "Nothing, if it is rare. If not, another program uses the account: raise SMSGW_REQUEST_SPARE.",
    (429,),
)
SERVER_ERROR = ReasonCode(
    "http_5xx",
    f"The provider failed with an error of its own. {MAYBE_SENT}",
    "Nothing; after the idempotency horizon the message becomes uncertain and waits for your decision.",
    (408, 500, 502, 503, 504),
)
CLIENT_ERROR = ReasonCode(
    "http_4xx",
    f"The provider refused the request with a status that its documentation does not name. {NOT_SENT}",
    "Ask the provider's support; the timeline shows the request id to give them.",
)
SENT_TO_NOBODY = ReasonCode(
    "sent_to_nobody",
    "The provider accepted the request and sent it to no one: the number is unsubscribed, invalid or abroad. "
    f"{NOT_SENT}",
    "Check the number. To import the provider's list of opt-outs: smsgw suppress sync",
    (200,),
)
SHORTFALL = ReasonCode(
    "shortfall",
    "The provider sent to fewer numbers than the request has, and does not report which.",
    "Nothing: receipts and the delivery listing show which. Messages without either become unconfirmed.",
    (200,),
)
UNREADABLE_ANSWER = ReasonCode(
    "unreadable_answer",
    f"The provider answered with success in a body that cannot be read. {MAYBE_SENT}",
    "Nothing. If it happens again, look for a proxy on the way that answers instead of the provider.",
    (200,),
)
SUCCESS_FALSE = ReasonCode(
    "success_false",
    f"The provider reported success and failure in one answer. {MAYBE_SENT}",
    "Nothing.",
    (200,),
)

REASONS: Mapping[str, tuple[ReasonCode, ...]] = MappingProxyType(
    {
        ANSWERS: (
            BAD_REQUEST,
            UNAUTHORIZED,
            NO_CREDIT,
            ACCOUNT_RESTRICTED,
            FORBIDDEN,
            NOT_FOUND,
            NOT_ALLOWED,
            DUPLICATE,
            DUPLICATE_UNEXPECTED,
            TOO_LARGE,
            UNPROCESSABLE,
            THROTTLED,
            SERVER_ERROR,
            CLIENT_ERROR,
            SENT_TO_NOBODY,
            SHORTFALL,
            UNREADABLE_ANSWER,
            SUCCESS_FALSE,
        ),
        CONNECTION: (
            ReasonCode("address", f"{URL_SETTING} is not a valid address. {NOT_SENT}", f"Correct {URL_SETTING}."),
            ReasonCode("not_http", f"The answer was not HTTP. {MAYBE_SENT}", f"Check {URL_SETTING}."),
        ),
        DECISIONS: (
            ReasonCode(
                "refused_in_a_row",
                f"Consecutive requests were refused for reasons that are not in their texts. {_PAUSED}",
                f"Check the account, {URL_SETTING} and the templates in use, then: smsgw resume route {ROUTE}",
            ),
        ),
    }
)
