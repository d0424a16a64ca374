"""Sessions of the console: a signed cookie, so that every replica and the next release know it too.

The key comes from the tokens themselves: whoever changes a token ends every session that it opened. Where no token is
set the key is random, and a session ends with the process.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.secret import is_blank, same_secret

SESSION_SECONDS = 12 * 3600.0
MOST_REVOKED = 10_000
LONGEST_NAME = 60


class Role(StrEnum):
    """What somebody may do."""

    READER = "reader"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says."""

    name: str
    role: Role | None
    """None where the cookie opens nothing and only carries the CSRF token: of a person whom a proxy names, say."""
    ends: float
    """A time of the epoch."""
    nonce: str


class Sessions:
    """Makes cookies, and knows its own again."""

    def __init__(self, *tokens: str | None, clock: Callable[[], float] = time.time) -> None:
        if any(token is not None and is_blank(token) for token in tokens):
            raise ValueError("a token is blank: everyone could compute the key and forge a session")
        given = "\0".join(token or "" for token in tokens)
        self._key = hmac.digest(given.encode() if any(tokens) else secrets.token_bytes(32), b"smsgw console", "sha256")
        self._clock = clock
        self._revoked: dict[str, float] = {}

    def issue(self, name: str, role: Role | None) -> tuple[Session, str]:
        """Return a new session and the value of its cookie."""
        session = Session(name[:LONGEST_NAME], role, self._clock() + SESSION_SECONDS, secrets.token_urlsafe(16))
        body = json.dumps([session.name, session.role, session.ends, session.nonce]).encode()
        return session, f"{_encode(body)}.{_encode(self._sign(b'session', body))}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None when it is not ours, has ended or was logged out."""
        head, _, tail = cookie.partition(".")
        try:
            body, signature = _decode(head), _decode(tail)
        except (binascii.Error, ValueError):
            return None
        if not same_secret(signature, self._sign(b"session", body)):
            return None
        name, role, ends, nonce = json.loads(body)
        if ends <= self._clock() or nonce in self._revoked:
            return None
        return Session(name, None if role is None else Role(role), ends, nonce)

    def revoke(self, session: Session) -> None:
        """Forget a session that was logged out. Other replicas are not told: there only the cookie is gone."""
        now = self._clock()
        live = {nonce: ends for nonce, ends in self._revoked.items() if ends > now}
        self._revoked = dict(list(live.items())[-(MOST_REVOKED - 1) :]) | {session.nonce: session.ends}

    def csrf(self, session: Session) -> str:
        """Return what every change must carry beside the cookie: a page of another site cannot know it."""
        return _encode(self._sign(b"csrf", session.nonce.encode()))

    def _sign(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + body, hashlib.sha256)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
