"""What a worker holds from the commit of the claim to the commit of the result."""

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.message import Message
from gateway.store.limiter import Token


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one request, committed before its first byte is sent. Times are of the local monotonic clock."""

    request_id: UUID
    claim_token: UUID
    number: int
    """1 for the first attempt of the request."""
    body: bytes
    lane: str
    route: str
    sender_id: int | None
    recipients: int
    failures: int
    """Earlier attempts that used retry budget. The next delay grows with them."""
    maybe_arrived: bool
    """An earlier attempt may have reached the provider."""
    probe: bool
    """The circuit breaker is open, and this attempt is its probe."""
    messages: tuple[Message, ...] | None
    """Of a request that this claim created; None for a retry, which needs only its stored bytes."""
    limiter_token: Token
    claimed_at: float
    """Before the claim took its tokens, so never later than the database's own time of them."""
    suppressions_read_at: float
    """Just before the claim read the suppression list. A retry's claim does not read it."""
    send_from: float
    """When its limiter token may be used. The claim takes tokens that return while it works."""
    send_by: float
    """After this it may arrive later than its limiter token assumes, so it needs a new one."""
    ready_at: tuple[float, ...]
    """When each message first became ready to send."""
    first_expiry: float | None
    last_expiry: float | None
    horizon_end: float | None = None
    """When the provider may forget the request id; None if no attempt may have arrived."""


def deadline(start: float, seconds: float | None) -> float | None:
    """Return the moment `seconds` after `start`; None stays None."""
    return None if seconds is None else start + seconds
