"""The middleware before every handler: authentication, roles, CSRF, error pages and security headers."""

import asyncpg
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.console.auth import COOKIE, Authenticator, Identity
from gateway.console.context import CSRF, IDENTITY
from gateway.console.rendering import Renderer, is_api, json_response
from gateway.console.sessions import SESSION_SECONDS, Session
from gateway.domain.secret import same_secret
from gateway.operations import NotPossible
from gateway.store.pool import UNAVAILABLE
from gateway.store.search_path import SearchPathNotPinned

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/login"})
STATIC = "/static/"
SAFE_METHODS = frozenset({"GET", "HEAD"})
READING_POSTS = frozenset(
    {
        "/messages",
        "/api/messages/search",
        "/replay/plan",
        "/api/replay/plan",
        "/suppression/check",
        "/api/suppressions/check",
        "/logout",
    }
)
"""POSTs that change nothing. A number is sent in a body, because no address may hold one."""

HEADERS = {
    "Content-Security-Policy": (
        # Pico uses data: images for arrows and check marks. Everything else is served by us.
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger(__name__)


def build_middleware(authenticator: Authenticator, renderer: Renderer) -> Middleware:
    """Return the middleware."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        session = authenticator.session(request)
        cookie = None
        identity = authenticator.identify(request)
        if identity is not None:
            if session is None and identity.ambient:
                session, cookie = authenticator.sessions.issue(identity.name, None)
            request[IDENTITY] = identity
        request[CSRF] = "" if session is None else authenticator.sessions.csrf(session)
        try:
            response = await _reject(request, authenticator, identity, session) or await handler(request)
        except Exception as error:
            if isinstance(error, web.HTTPException) and error.status < 400:
                raise
            status, message = to_error(error)
            response = renderer.error(request, status, message)
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers["Allow"] = error.headers["Allow"]
        if not response.prepared:
            add_security_headers(request, response)
            if cookie is not None:
                set_cookie(authenticator, request, response, cookie)
        return response

    return middleware


def to_error(error: Exception) -> tuple[int, str]:
    """Return the status and the message for an exception of a handler. An unexpected one is logged."""
    match error:
        case web.HTTPException():
            return error.status, error.text or error.reason
        case NotPossible():
            return 409, str(error)
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return 503, "The database does not have the schema of this release. Run: smsgw migrate"
        case asyncpg.InsufficientPrivilegeError():
            return 403, "The gateway's database role lacks a privilege for this. Run: smsgw doctor"
        case SearchPathNotPinned():
            log.error("search_path_not_pinned", reason=error.problem, remedy=error.remedy)
            return 503, "The gateway refused an unsafe database session. Run: smsgw doctor"
        case _ if isinstance(error, UNAVAILABLE):
            log.warning("console_without_database", error=type(error).__name__)
            return 503, "The database does not respond. Try again later."
        case _:
            log.error("console_error", exc_info=error)
            return 500, "Internal error. See the gateway log."


def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every response has."""
    response.headers.update(HEADERS)
    if request.path.startswith(STATIC):
        # The browser revalidates each time and gets 304 for the same file, so a new release is visible at once.
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"


def set_cookie(authenticator: Authenticator, request: web.Request, response: web.StreamResponse, value: str) -> None:
    """Set the session cookie."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="Strict",
        secure=authenticator.is_secure(request),
    )


async def _reject(
    request: web.Request, authenticator: Authenticator, identity: Identity | None, session: Session | None
) -> web.StreamResponse | None:
    """Return or raise the response to a request that is not allowed; return None if it is allowed."""
    if request.method not in SAFE_METHODS and is_cross_site(request):
        raise web.HTTPForbidden(text="This request came from another site.")
    if request.path in OPEN_PATHS or request.path.startswith(STATIC):
        return None
    if identity is None:
        if is_api(request):
            return json_response({"error": "Send the token: Authorization: Bearer …"}, status=401)
        if not authenticator.has_login:
            raise web.HTTPUnauthorized(
                text="Open the console through the proxy that logs users in, or under the name localhost."
            )
        if request.headers.get("HX-Request"):
            # Otherwise htmx would swap the login page into a part of this one.
            return web.Response(status=401, headers={"HX-Redirect": "/login"})
        return web.Response(status=303, headers={"Location": "/login"})
    if request.method in SAFE_METHODS:
        return None
    if identity.ambient and not (session and await has_csrf(request, authenticator.sessions.csrf(session))):
        raise web.HTTPForbidden(text="Your session expired. Reload the page and try again.")
    if not identity.may_change and request.path not in READING_POSTS:
        raise web.HTTPForbidden(text="Your role is reader. Only an operator can change this.")
    return None


def is_cross_site(request: web.Request) -> bool:
    """Whether the browser reports that another site sent the request. Old browsers do not send the header."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


async def has_csrf(request: web.Request, expected: str) -> bool:
    """Whether the request has the CSRF token, in a header or in a form."""
    token = request.headers.get(CSRF_HEADER, "")
    if not token and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        token = str((await request.post()).get(CSRF_FIELD, ""))
    return same_secret(token, expected)
