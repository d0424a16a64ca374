"""Receipts in the gateway's own words, whichever provider sent them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppliedReceipt:
    """What receipts did, counted together where they did the same."""

    source: str
    delivery: str | None
    result: str
    lane: str | None
    of_group: bool
    unread: bool
    """Delivery receipts whose status is not documented."""
    moves: bool
    """They moved their messages forward."""
    final_state: str | None
    """`delivered` or `undelivered` when they brought their messages there."""
    receipts: int
    since_accept: Sequence[float]
    """Seconds from the request's acceptance, of those where that is known."""
    since_ready: Sequence[float]
    """Seconds from when the message could go, of those that delivered it."""
