"""The two monotone axes of a message's truth (docs/design.md, "Receipts").

Receipts come early, late, twice, reversed or never. The stored state is the same in every case because each axis only
moves up: `sql/queries/apply_receipts.sql` guards the same order in the database, where the enums are declared in it.
"""

from enum import StrEnum


class RequestStatus(StrEnum):
    """How far a request has come on its way to the provider; declared in rank order."""

    IN_FLIGHT = "in_flight"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


class DeliveryStatus(StrEnum):
    """How far a message has come on its way to the phone; see `rank` for the order."""

    NONE = "none"
    SENT = "sent"
    UNKNOWN = "unknown"
    UNDELIVERED = "undelivered"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    FAILED = "failed"
    DELIVERED = "delivered"

    @property
    def rank(self) -> int:
        """Position on the axis; the four ways of not arriving share one rank, so the first of them stays."""
        return _RANK[self]

    @property
    def final(self) -> bool:
        """Whether the carrier has spoken its last word (a late `delivered` still wins over the other finals)."""
        return self.rank >= _RANK[DeliveryStatus.UNDELIVERED]


_RANK = {
    DeliveryStatus.NONE: 0,
    DeliveryStatus.SENT: 1,
    DeliveryStatus.UNKNOWN: 2,
    DeliveryStatus.UNDELIVERED: 3,
    DeliveryStatus.UNDELIVERABLE: 3,
    DeliveryStatus.REJECTED: 3,
    DeliveryStatus.FAILED: 3,
    DeliveryStatus.DELIVERED: 4,
}


def advance(current: DeliveryStatus, reported: DeliveryStatus) -> DeliveryStatus:
    """Return the state after a receipt: the higher of the two, the earlier one on a tie."""
    return reported if reported.rank > current.rank else current
