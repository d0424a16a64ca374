"""The middleware before every page: who is it, may they, is it really they who ask; and the headers of every answer."""

import asyncpg
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.console.auth import COOKIE, Access, Identity
from gateway.console.context import CSRF, IDENTITY
from gateway.console.rendering import Renderer, is_api, json_response
from gateway.console.sessions import SESSION_SECONDS, Session
from gateway.domain.secret import same_secret
from gateway.operations import NotPossible
from gateway.store.pool import UNAVAILABLE

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
"""Posts that change nothing: a number is searched for in a body, because it may stand in no address."""

HEADERS = {
    "Content-Security-Policy": (
        # Pico draws its arrows and ticks as data: images; nothing else comes from anywhere but here.
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


def guard(access: Access, renderer: Renderer) -> Middleware:
    """Return the middleware."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        session = access.session(request)
        cookie = None
        identity = access.identify(request)
        if identity is not None:
            if session is None and identity.ambient:
                session, cookie = access.sessions.issue(identity.name, None)
            request[IDENTITY] = identity
        request[CSRF] = "" if session is None else access.sessions.csrf(session)
        try:
            response = await _refusal(request, access, identity, session) or await handler(request)
        except Exception as error:
            if isinstance(error, web.HTTPException) and error.status < 400:
                raise
            status, words = to_error(error)
            response = renderer.error(request, status, words)
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers["Allow"] = error.headers["Allow"]
        if not response.prepared:
            add_security_headers(request, response)
            if cookie is not None:
                set_cookie(access, request, response, cookie)
        return response

    return middleware


def to_error(error: Exception) -> tuple[int, str]:
    """Return the status and the sentence for what a handler raised; what is a mistake of ours is logged."""
    match error:
        case web.HTTPException():
            return error.status, error.text or error.reason
        case NotPossible():
            return 409, str(error)
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return 503, "The database lacks this release's schema. Run: smsgw migrate"
        case asyncpg.InsufficientPrivilegeError():
            return 403, "The gateway's database role may not do that."
        case _ if isinstance(error, UNAVAILABLE):
            log.warning("console_without_database", error=type(error).__name__)
            return 503, "The database does not answer. This page works again when it does."
        case _:
            log.error("page_broke", exc_info=error)
            return 500, "The console made a mistake; its log says which."


def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer carries."""
    response.headers.update(HEADERS)
    if request.path.startswith(STATIC):
        # ApiRequest again each time, answered 304 while it is the same file: a new release shows at once.
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"


def set_cookie(access: Access, request: web.Request, response: web.StreamResponse, value: str) -> None:
    """Hand out a session."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="Strict",
        secure=access.is_secure(request),
    )


async def _refusal(
    request: web.Request, access: Access, identity: Identity | None, session: Session | None
) -> web.StreamResponse | None:
    """Return the answer to who may not go on; None for who may."""
    if request.method not in SAFE_METHODS and is_cross_site(request):
        raise web.HTTPForbidden(text="This came from another site's page.")
    if request.path in OPEN_PATHS or request.path.startswith(STATIC):
        return None
    if identity is None:
        if is_api(request):
            return json_response({"error": "Give the token: Authorization: Bearer …"}, status=401)
        if not access.has_login:
            raise web.HTTPUnauthorized(text="Come through the proxy that logs people in, or by the name localhost.")
        if request.headers.get("HX-Request"):
            # A fragment of the login page inside a table would help nobody: have htmx go there.
            return web.Response(status=401, headers={"HX-Redirect": "/login"})
        return web.Response(status=303, headers={"Location": "/login"})
    if request.method in SAFE_METHODS:
        return None
    if identity.ambient and not (session and await has_csrf(request, access.sessions.csrf(session))):
        raise web.HTTPForbidden(text="This page is too old to be sent. Load it again and repeat.")
    if not identity.may_change and request.path not in READING_POSTS:
        raise web.HTTPForbidden(text="You may read here and change nothing: your role is reader.")
    return None


def is_cross_site(request: web.Request) -> bool:
    """Whether the browser itself says that another site's page asks. Old browsers say nothing."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


async def has_csrf(request: web.Request, expected: str) -> bool:
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given = str((await request.post()).get(CSRF_FIELD, ""))
    return same_secret(given, expected)
