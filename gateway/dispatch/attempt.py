"""What a worker holds between the claim's commit and the result's."""

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.message import Message


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one request: committed before the first byte goes out. Times are of the local monotonic clock."""

    request_id: UUID
    token: UUID
    number: int
    """Of the attempt."""
    body: bytes
    lane: str
    route: str
    sender_id: int | None
    recipients: int
    failures: int
    """Earlier attempts that used up retry budget; the next wait grows with them."""
    maybe_arrived: bool
    """An earlier attempt may have reached the provider."""
    probe: bool
    """The breaker is open, and this attempt asks whether the way is."""
    messages: tuple[Message, ...] | None
    """Of a request claimed just now; None for a retry, whose bytes say all that is needed."""
    consulted_at: float
    """When the claim was about to consult the list of suppressed numbers; a retry's does not."""
    send_by: float
    """After this the limiter's margin is used up, and the attempt needs new tokens. Counted from before the claim
    began, so never from later than the database's own time of the tokens."""
    lease_until: float
    ready_at: tuple[float, ...]
    """When each message could first have gone."""
    first_expiry: float | None
    last_expiry: float | None


def deadline(start: float, seconds: float | None) -> float | None:
    """Return the moment `seconds` after `start`; None stays None."""
    return None if seconds is None else start + seconds
