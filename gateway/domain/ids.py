"""Request ids and external ids: unique without coordination, and ordered by time to keep the index compact."""

import re
from dataclasses import dataclass
from uuid import UUID

_OWN = re.compile(r"([0-9a-f]{32})-([0-9]{1,4})")


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


@dataclass(frozen=True, slots=True)
class ExternalIds:
    """Makes and reads the external ids of one gateway."""

    prefix: str = ""
    """Distinguishes this gateway's requests from those of other programs on the account."""

    def make(self, request: UUID, generation: int) -> str:
        """Return the id that the provider repeats in receipts: it identifies the request and the generation.

        At most 64 characters of `[A-Za-z0-9_-]`, the narrowest reading of the provider's documentation.
        """
        return f"{self.prefix}{request.hex}-{generation}"

    def read(self, external_id: str | None) -> tuple[UUID | None, int | None]:
        """Return request and generation of an id that this gateway made; two Nones for any other."""
        if external_id is None or not external_id.startswith(self.prefix):
            return None, None
        match = _OWN.fullmatch(external_id[len(self.prefix) :])
        return (None, None) if match is None else (UUID(int=int(match[1], 16)), int(match[2]))


NO_PREFIX = ExternalIds()
