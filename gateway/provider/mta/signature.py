"""The provider's signature: `X-Signature` is the lower-case hex HMAC-SHA256 of the raw body.

The key is the secret's text. There is no timestamp in it, so a signature does not stop a replay: receipts are
journalled once per distinct body, and applying one twice changes nothing.
"""

import hmac
from collections.abc import Sequence

from gateway.domain.secret import is_blank, same_secret

HEADER = "X-Signature"


def sign(secret: str, body: bytes) -> str:
    """Return the signature of a body under a secret."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


def verify(secrets: Sequence[str], body: bytes, given: str | None) -> bool:
    """Whether the signature fits one of the secrets; two are in use while they rotate.

    Every secret is compared, each in constant time, so the duration reveals neither a prefix nor which secret fits.
    Without a secret nothing is authentic.
    """
    if not given:
        return False
    try:
        candidate = given.strip().lower().encode("ascii")
    except UnicodeEncodeError:
        return False
    fits = False
    for secret in secrets:
        # Everyone can sign with a blank secret.
        fits |= not is_blank(secret) and same_secret(candidate, sign(secret, body))
    return fits
