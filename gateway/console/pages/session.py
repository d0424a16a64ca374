"""Logging in and out."""

from collections.abc import Iterable

from aiohttp import web

from gateway.console.auth import COOKIE
from gateway.console.dependencies import ConsoleDeps
from gateway.console.middleware import set_cookie


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def login_page(request: web.Request) -> web.Response:
        return deps.renderer.page(request, "login.html", wrong="", name="")

    async def login(request: web.Request) -> web.Response:
        form = await request.post()
        name = " ".join(str(form.get("name", "")).split())
        if not deps.access.may_try(request):
            sentence = "Too many tries. Wait a minute and try again."
            return deps.renderer.page(request, "login.html", status=429, wrong=sentence, name=name)
        role = deps.access.role_of(str(form.get("token", "")))
        if role is None:
            deps.access.note_failure(request)
            return deps.renderer.page(request, "login.html", status=401, wrong="That is not the token.", name=name)
        if not name or not name.isprintable():
            return deps.renderer.page(request, "login.html", status=400, wrong="Say who you are.", name="")
        _, cookie = deps.access.sessions.issue(name, role)
        response = web.Response(status=303, headers={"Location": "/"})
        set_cookie(deps.access, request, response, cookie)
        return response

    async def logout(request: web.Request) -> web.Response:
        session = deps.access.session(request)
        if session is not None:
            deps.access.sessions.revoke(session)
        response = web.Response(status=303, headers={"Location": "/login" if deps.access.has_login else "/"})
        response.del_cookie(COOKIE)
        return response

    return [web.get("/login", login_page), web.post("/login", login), web.post("/logout", logout)]
