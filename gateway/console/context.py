"""What the middleware stores in a request for the handlers."""

from aiohttp import web

from gateway.console.auth import Identity

IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)
CSRF: web.RequestKey[str] = web.RequestKey("csrf", str)


def identity(request: web.Request) -> Identity:
    """Return who sent the request. The middleware lets no unknown visitor reach a handler."""
    return request[IDENTITY]
