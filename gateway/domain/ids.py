"""Request ids and external ids: unique without coordination, and ordered by time to keep the index compact."""

from uuid import UUID


def request_id(milliseconds: int, randomness: int) -> UUID:
    """Return a version 7 UUID (RFC 9562 §5.7) of a Unix time in milliseconds and 74 random bits.

    The clock only sets the order: two replicas whose clocks differ still make different ids.
    """
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= ((randomness >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= randomness & ((1 << 62) - 1)
    return UUID(int=value)


def external_id(prefix: str, request: UUID, generation: int) -> str:
    """Return the id that the provider repeats in receipts: it identifies the request and the generation.

    At most 64 characters of `[A-Za-z0-9_-]`, the narrowest reading of the provider's documentation.
    """
    return f"{prefix}{request.hex}-{generation}"
