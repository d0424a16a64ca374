"""Identifies the user and the role: by a token, a session, a proxy header, or a connection over loopback."""

import ipaddress
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.console.sessions import MAX_NAME_LENGTH, Role, Session, Sessions
from gateway.domain.secret import is_blank, same_secret
from gateway.settings import Network, Settings

COOKIE = "smsgw_session"
LOGIN_WINDOW = 60.0
"""Seconds in which failed logins are counted."""
MAX_FAILURES_PER_ADDRESS = 6
MAX_FAILURES = 60
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may use the console. Raises `ValueError` for a blank token, which would open the console to everyone."""

    token: str | None = None
    reader_token: str | None = None
    proxy_header: str | None = None
    proxy_addresses: Sequence[Network] = ()
    proxy_operators: Sequence[str] = ()

    def __post_init__(self) -> None:
        if any(token is not None and is_blank(token) for token in (self.token, self.reader_token)):
            raise ValueError("a console token is blank; set a token, or none at all")

    @classmethod
    def from_settings(cls, settings: Settings) -> "AuthSettings":
        """Return the part of the settings that is about access."""
        token, reader = settings.ops_token, settings.ops_reader_token
        return cls(
            None if token is None else token.get_secret_value(),
            None if reader is None else reader.get_secret_value(),
            settings.ops_proxy_header,
            settings.ops_proxy_addresses,
            settings.ops_proxy_operators,
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A user or program that is allowed in."""

    name: str
    role: Role
    ambient: bool
    """Whether the browser authenticates each request by itself (cookie, proxy). Then a change needs a CSRF token."""
    can_log_out: bool = False
    """Whether the user logged in here. On loopback without a token, and behind a proxy, there is no login to end."""

    @property
    def actor(self) -> str:
        """The actor in the operator log."""
        return f"{self.name} (console)"

    @property
    def may_change(self) -> bool:
        """Whether the role allows changes."""
        return self.role is Role.OPERATOR


class Authenticator:
    """Identifies users. Failed logins and ended sessions are kept in the memory of this process only."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self.sessions = Sessions(settings.token, settings.reader_token)
        self._failures: dict[str, deque[float]] = {}

    @property
    def has_login(self) -> bool:
        """Whether there is a token to log in with."""
        return self._settings.token is not None

    def role_of(self, token: str) -> Role | None:
        """Return the role of a token. It is compared with both tokens, each in constant time."""
        operator = same_secret(token, self._settings.token)
        reader = same_secret(token, self._settings.reader_token)
        return Role.OPERATOR if operator else Role.READER if reader else None

    def may_log_in(self, request: web.Request) -> bool:
        """Whether a login may be attempted: false after too many failures, from this address or in total."""
        oldest = time.monotonic() - LOGIN_WINDOW
        recent = {client: deque(at for at in failures if at > oldest) for client, failures in self._failures.items()}
        self._failures = {client: failures for client, failures in recent.items() if failures}
        from_address = len(self._failures.get(self._client(request), ()))
        return from_address < MAX_FAILURES_PER_ADDRESS and sum(map(len, self._failures.values())) < MAX_FAILURES

    def record_failure(self, request: web.Request) -> None:
        """Count a failed login. Await nothing after `may_log_in`, or concurrent attempts exceed the limit."""
        self._failures.setdefault(self._client(request), deque()).append(time.monotonic())

    def session(self, request: web.Request) -> Session | None:
        """Return the session of the request's cookie."""
        return self.sessions.read(request.cookies.get(COOKIE, ""))

    def identify(self, request: web.Request) -> Identity | None:
        """Return who sent the request; None if unknown."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            role = self.role_of(token.strip())
            return None if role is None else Identity("api", role, ambient=False)
        if (user := self._user_from_proxy(request)) is not None:
            role = Role.OPERATOR if {user, "*"} & set(self._settings.proxy_operators) else Role.READER
            return Identity(user, role, ambient=True)
        if self.has_login:
            session = self.session(request)
            if session is None or session.role is None:
                return None
            return Identity(session.name, session.role, ambient=True, can_log_out=True)
        if self._settings.proxy_header is not None:
            return None
        # On loopback without a token. A website can point its own host name at 127.0.0.1 (DNS rebinding).
        return Identity("local", Role.OPERATOR, ambient=True) if _host(request) in LOOPBACK else None

    def is_secure(self, request: web.Request) -> bool:
        """Whether the browser uses TLS, directly or to our proxy."""
        forwarded = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        return request.secure or (forwarded and self._from_proxy(request))

    def _user_from_proxy(self, request: web.Request) -> str | None:
        header = self._settings.proxy_header
        if header is None or not self._from_proxy(request):
            return None
        values = request.headers.getall(header, [])
        # One of two headers may be the visitor's own, from a proxy that adds its header instead of replacing it.
        if len(values) != 1:
            return None
        name = values[0].strip()
        return name if 0 < len(name) <= MAX_NAME_LENGTH and name.isprintable() else None

    def _from_proxy(self, request: web.Request) -> bool:
        peer = _peer(request)
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._settings.proxy_addresses)

    def _client(self, request: web.Request) -> str:
        """Return the address that failed logins are counted by: behind our proxy, the last one in X-Forwarded-For."""
        if self._from_proxy(request):
            return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or _peer(request)
        return _peer(request)


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple | list) and peer else ""


def _host(request: web.Request) -> str:
    return request.host if request.host.endswith("]") else request.host.rsplit(":", 1)[0]
