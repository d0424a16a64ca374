"""What the guard finds out about a request, for the handlers behind it."""

from aiohttp import web

from gateway.console.auth import Identity

IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)
CSRF: web.RequestKey[str] = web.RequestKey("csrf", str)


def identity(request: web.Request) -> Identity:
    """Return who asks; the guard let nobody else in."""
    return request[IDENTITY]
