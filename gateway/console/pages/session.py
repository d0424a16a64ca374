"""Logging in and out."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.auth import COOKIE
from gateway.console.dependencies import ConsoleDeps
from gateway.console.middleware import set_cookie


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    def login_form(request: web.Request, *, status: int = 200, error: str = "", name: str = "") -> web.Response:
        return deps.renderer.page(request, "login.html", status=status, error=error, name=name)

    async def show(request: web.Request) -> web.Response:
        return login_form(request)

    async def login(request: web.Request) -> web.Response:
        form = await request.post()
        name = " ".join(str(form.get("name", "")).split())
        if not deps.authenticator.may_log_in(request):
            return login_form(request, status=429, error="Too many failed logins. Try again in a minute.", name=name)
        role = deps.authenticator.role_of(str(form.get("token", "")))
        if role is None:
            deps.authenticator.record_failure(request)
            return login_form(request, status=401, error="Wrong token.", name=name)
        if not name or not name.isprintable():
            return login_form(request, status=400, error="Enter your name.")
        _, cookie = deps.authenticator.sessions.issue(name, role)
        response = web.Response(status=303, headers={"Location": "/"})
        set_cookie(deps.authenticator, request, response, cookie)
        return response

    async def logout(request: web.Request) -> web.Response:
        session = deps.authenticator.session(request)
        if session is not None:
            deps.authenticator.sessions.revoke(session)
        response = web.Response(status=303, headers={"Location": "/login" if deps.authenticator.has_login else "/"})
        response.del_cookie(COOKIE)
        return response

    return [web.get("/login", show), web.post("/login", login), web.post("/logout", logout)]
