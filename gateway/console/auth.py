"""Who somebody is, and what they may do: by a token, a session, a proxy's word, or by being on this machine."""

import ipaddress
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.console.sessions import LONGEST_NAME, Role, Session, Sessions
from gateway.domain.secret import is_blank, same_secret
from gateway.settings import Network, Settings

COOKIE = "smsgw_session"
LOGIN_WINDOW = 60.0
LOGIN_TRIES = 6
"""Failures in a window, from one address."""
ALL_LOGIN_TRIES = 60
"""Failures in a window, from everywhere."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may come in. Raises `ValueError` for a blank token, which would open the console to everyone."""

    token: str | None = None
    reader_token: str | None = None
    proxy_header: str | None = None
    proxy_addresses: Sequence[Network] = ()
    proxy_operators: Sequence[str] = ()

    def __post_init__(self) -> None:
        if any(token is not None and is_blank(token) for token in (self.token, self.reader_token)):
            raise ValueError("a console token is blank; set a token, or none at all")

    @classmethod
    def of(cls, settings: Settings) -> "AuthSettings":
        """Return what the settings say."""
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
    """Somebody who was let in."""

    name: str
    role: Role
    ambient: bool
    """Whether the browser sends the proof by itself (a cookie, a proxy), so that a change needs the CSRF token too."""

    @property
    def actor(self) -> str:
        """Who acts, for the operator log."""
        return f"{self.name} (console)"

    @property
    def may_change(self) -> bool:
        """Whether they may do more than read."""
        return self.role is Role.OPERATOR


class Access:
    """Decides. Its memory is this process's: the failed tries to log in, and who logged out."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self.sessions = Sessions(settings.token, settings.reader_token)
        self._failures: dict[str, deque[float]] = {}

    @property
    def has_login(self) -> bool:
        """Whether there is a token to log in with."""
        return self._settings.token is not None

    def role_of(self, given: str) -> Role | None:
        """Return what a token opens. Both are compared, each in constant time."""
        operator = same_secret(given, self._settings.token)
        reader = same_secret(given, self._settings.reader_token)
        return Role.OPERATOR if operator else Role.READER if reader else None

    def may_try(self, request: web.Request) -> bool:
        """Whether somebody may try to log in: not after too many failures, from there or altogether."""
        oldest = time.monotonic() - LOGIN_WINDOW
        recent = {client: deque(at for at in failures if at > oldest) for client, failures in self._failures.items()}
        self._failures = {client: failures for client, failures in recent.items() if failures}
        here = len(self._failures.get(self._client(request), ()))
        return here < LOGIN_TRIES and sum(map(len, self._failures.values())) < ALL_LOGIN_TRIES

    def note_failure(self, request: web.Request) -> None:
        """Count a try that failed; nothing is awaited between `may_try` and this, so none slips through."""
        self._failures.setdefault(self._client(request), deque()).append(time.monotonic())

    def session(self, request: web.Request) -> Session | None:
        """Return the session that the request's cookie names."""
        return self.sessions.read(request.cookies.get(COOKIE, ""))

    def identify(self, request: web.Request) -> Identity | None:
        """Return who asks; None for a stranger."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            role = self.role_of(given.strip())
            return None if role is None else Identity("api", role, ambient=False)
        if (person := self._named_by_proxy(request)) is not None:
            role = Role.OPERATOR if {person, "*"} & set(self._settings.proxy_operators) else Role.READER
            return Identity(person, role, ambient=True)
        if self.has_login:
            session = self.session(request)
            if session is None or session.role is None:
                return None
            return Identity(session.name, session.role, ambient=True)
        if self._settings.proxy_header is not None:
            return None
        # On loopback without a token: a page of the open web, whose name was pointed at 127.0.0.1, must not read.
        return Identity("local", Role.OPERATOR, ambient=True) if _host(request) in LOOPBACK else None

    def is_secure(self, request: web.Request) -> bool:
        """Whether the browser came by TLS, as far as we or a proxy of ours can tell."""
        forwarded = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        return request.secure or (forwarded and self._from_proxy(request))

    def _named_by_proxy(self, request: web.Request) -> str | None:
        header = self._settings.proxy_header
        if header is None or not self._from_proxy(request):
            return None
        named = request.headers.getall(header, [])
        # Two of them: one may be the visitor's own. A proxy that adds instead of replacing is not to be believed.
        if len(named) != 1:
            return None
        name = named[0].strip()
        return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None

    def _from_proxy(self, request: web.Request) -> bool:
        peer = _peer(request)
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._settings.proxy_addresses)

    def _client(self, request: web.Request) -> str:
        """Return the address that tries are counted by: behind our proxy, the last one that it wrote down."""
        if self._from_proxy(request):
            return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or _peer(request)
        return _peer(request)


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple | list) and peer else ""


def _host(request: web.Request) -> str:
    return request.host if request.host.endswith("]") else request.host.rsplit(":", 1)[0]
