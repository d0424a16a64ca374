"""Request status and delivery status: two axes that only move forward (docs/design.md, "Receipts").

Receipts come early, late, twice, reversed or never. The stored state is the same in every case because each axis only
moves up. In the database `apply_receipts.sql` keeps the same order, in which the enums are declared there.
"""

from enum import StrEnum


class RequestStatus(StrEnum):
    """How far a request has got on its way to the provider; declared in rank order."""

    IN_FLIGHT = "in_flight"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


class DeliveryStatus(StrEnum):
    """How far a message has got on its way to the phone; `smsgw.delivery_rank` ranks them."""

    NONE = "none"
    SENT = "sent"
    UNKNOWN = "unknown"
    UNDELIVERED = "undelivered"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    FAILED = "failed"
    DELIVERED = "delivered"
