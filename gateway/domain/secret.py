"""Compares secrets: tokens, signatures and CSRF tokens."""

import hmac


def same_secret(given: str | bytes, expected: str | bytes | None) -> bool:
    """Whether a secret that was presented is the expected one, compared in constant time.

    An empty or blank value on either side is never equal, not even to itself: two blanks mean that no secret was
    configured and none was presented, which must open nothing.
    """
    if expected is None or is_blank(given) or is_blank(expected):
        return False
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def is_blank(secret: str | bytes) -> bool:
    """Whether a secret has no character but white space. A digest is never blank unless it is empty."""
    return not (secret.strip() if isinstance(secret, str) else secret)


def _bytes(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret
