"""Sessions of the console: signed cookies that every replica accepts, before and after a restart.

The key is derived from the tokens, so changing a token ends every session. Without a token the key is random, and a
session ends with the process.
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
MAX_REVOKED = 10_000
MAX_NAME_LENGTH = 60


class Role(StrEnum):
    """What a user may do."""

    READER = "reader"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Session:
    """The content of a cookie."""

    name: str
    role: Role | None
    """None if the cookie grants nothing and only carries the CSRF token, for example of a user that a proxy names."""
    expires_at: float
    """Unix time."""
    nonce: str


class Sessions:
    """Issues and reads cookies."""

    def __init__(self, *tokens: str | None, clock: Callable[[], float] = time.time) -> None:
        if any(token is not None and is_blank(token) for token in tokens):
            raise ValueError("a token is blank: everyone could compute the key and forge a session")
        joined = "\0".join(token or "" for token in tokens)
        self._key = hmac.digest(joined.encode() if any(tokens) else secrets.token_bytes(32), b"smsgw console", "sha256")
        self._clock = clock
        self._revoked: dict[str, float] = {}

    def issue(self, name: str, role: Role | None) -> tuple[Session, str]:
        """Return a new session and the value of its cookie."""
        session = Session(name[:MAX_NAME_LENGTH], role, self._clock() + SESSION_SECONDS, secrets.token_urlsafe(16))
        body = json.dumps([session.name, session.role, session.expires_at, session.nonce]).encode()
        return session, f"{_encode(body)}.{_encode(self._sign(b'session', body))}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if it is not ours, has expired or was logged out."""
        head, _, tail = cookie.partition(".")
        try:
            body, signature = _decode(head), _decode(tail)
        except (binascii.Error, ValueError):
            return None
        if not same_secret(signature, self._sign(b"session", body)):
            return None
        name, role, expires_at, nonce = json.loads(body)
        if expires_at <= self._clock() or nonce in self._revoked:
            return None
        return Session(name, None if role is None else Role(role), expires_at, nonce)

    def revoke(self, session: Session) -> None:
        """End a session that was logged out.

        Only this process rejects its cookie. Other replicas accept it until it expires, but the browser has deleted it.
        """
        now = self._clock()
        live = {nonce: expires_at for nonce, expires_at in self._revoked.items() if expires_at > now}
        self._revoked = dict(list(live.items())[-(MAX_REVOKED - 1) :]) | {session.nonce: session.expires_at}

    def csrf(self, session: Session) -> str:
        """Return the token that every change must send along with the cookie. Another site cannot know it."""
        return _encode(self._sign(b"csrf", session.nonce.encode()))

    def _sign(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + body, hashlib.sha256)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
