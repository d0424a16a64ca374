"""Who may see the console: a token, as a header or by a login page that turns it into a session cookie."""

import hmac
import secrets
import time
from collections import deque

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

COOKIE = "smsgw_session"
SESSION_SECONDS = 12 * 3600.0
MOST_SESSIONS = 100
LOGIN_TRIES = 10
LOGIN_WINDOW = 60.0
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/login", "/static/console.css", "/static/console.js"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Access:
    """Sessions of one process, in its memory: a restart logs everybody out."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._sessions: dict[str, float] = {}
        self._tries: deque[float] = deque()

    @property
    def required(self) -> bool:
        """Whether a token is set at all."""
        return self._token is not None

    def fits(self, given: str) -> bool:
        """Whether this is the token, compared in constant time."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def may_try(self) -> bool:
        """Count a try to log in; False when there were too many, whoever made them."""
        now = time.monotonic()
        while self._tries and self._tries[0] < now - LOGIN_WINDOW:
            self._tries.popleft()
        self._tries.append(now)
        return len(self._tries) <= LOGIN_TRIES

    def open_session(self) -> str:
        """Return the name of a new session."""
        now = time.monotonic()
        live = {name: end for name, end in self._sessions.items() if end > now}
        self._sessions = dict(list(live.items())[-(MOST_SESSIONS - 1) :])
        name = secrets.token_urlsafe(32)
        self._sessions[name] = now + SESSION_SECONDS
        return name

    def admits(self, request: web.Request) -> bool:
        """Whether the request carries the token or a session."""
        if self._token is None:
            # On loopback without a token: a page of the open web, whose name was pointed at 127.0.0.1, must not read.
            host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
            return host in LOOPBACK
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.fits(given.strip()):
            return True
        return self._sessions.get(request.cookies.get(COOKIE, ""), 0.0) > time.monotonic()


def guard(access: Access) -> Middleware:
    """Return the middleware that lets in whom it should, and adds the security headers to every answer."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in OPEN_PATHS and not access.admits(request):
            if request.path.startswith("/api/") or not access.required:
                response: web.StreamResponse = web.json_response(
                    {"error": "give the token: Authorization: Bearer …"}, status=401
                )
            else:
                response = web.Response(status=303, headers={"Location": "/login"})
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = web.json_response({"error": error.reason}, status=error.status)
        response.headers.update(HEADERS)
        return response

    return middleware
