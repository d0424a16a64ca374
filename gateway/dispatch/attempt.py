"""What a worker holds from the commit of the claim to the commit of the result."""

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.message import Message


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one request, committed before its first byte is sent. Times are of the local monotonic clock."""

    request_id: UUID
    token: UUID
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
    suppressions_read_at: float
    """Just before the claim read the suppression list. A retry's claim does not read it."""
    send_by: float
    """After this the margin of the limiter is used up, and the attempt needs new tokens. Counted from before the claim
    began, so never from later than the database's own time of the tokens."""
    lease_until: float
    ready_at: tuple[float, ...]
    """When each message first became ready to send."""
    first_expiry: float | None
    last_expiry: float | None


def deadline(start: float, seconds: float | None) -> float | None:
    """Return the moment `seconds` after `start`; None stays None."""
    return None if seconds is None else start + seconds
