"""The application of the ops listener."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from gateway.console.access import COOKIE, SESSION_SECONDS, Access, guard
from gateway.domain.phone import mask
from gateway.metrics.registry import STATES, Metrics
from gateway.store import messages
from gateway.store.messages import Filters
from gateway.store.pool import Pool
from gateway.store.status import status

HERE = Path(__file__).parent
PAGE = 50

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]


class Console:
    """Its handlers."""

    def __init__(self, pool: Pool, metrics: Metrics, readiness: Readiness, token: str | None) -> None:
        self._pool = pool
        self._metrics = metrics
        self._readiness = readiness
        self._access = Access(token)
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._pages.filters |= {"mask": mask, "clock": _clock, "seconds": _seconds}

    def build(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[guard(self._access)], client_max_size=64 * 1024)
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._expose)
        app.router.add_get("/login", self._login_page)
        app.router.add_post("/login", self._login)
        app.router.add_get("/", self._overview)
        app.router.add_get("/messages", self._list)
        app.router.add_get("/messages/{id:[0-9]{1,18}}", self._show)
        app.router.add_get("/api/status", self._api_status)
        app.router.add_get("/api/messages", self._api_messages)
        app.router.add_get("/api/messages/{id:[0-9]{1,18}}", self._api_message)
        app.router.add_static("/static", HERE / "static")
        return app

    async def _alive(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _: web.Request) -> web.Response:
        checks = await self._readiness()
        return web.json_response(dict(checks), status=200 if all(checks.values()) else 503)

    async def _expose(self, request: web.Request) -> web.Response:
        content, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=content, headers={"Content-Type": content_type})

    async def _login_page(self, _: web.Request) -> web.Response:
        return self._page("login.html", wrong=False)

    async def _login(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self._access.may_try():
            return self._page("login.html", status=429, wrong=True)
        if not self._access.fits(str(form.get("token", ""))):
            return self._page("login.html", status=401, wrong=True)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            COOKIE,
            self._access.open_session(),
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return response

    async def _overview(self, _: web.Request) -> web.Response:
        async with self._pool.acquire() as connection:
            found = await status(connection)
            recent = await messages.list_messages(connection, Filters(), limit=15)
        lanes: dict[str, dict[str, Any]] = {}
        for row in found.backlog:
            lane = lanes.setdefault(row.lane, {"oldest": 0.0, "states": {}})
            lane["states"][row.state] = lane["states"].get(row.state, 0) + row.messages
            if row.oldest is not None and row.messages:
                lane["oldest"] = max(lane["oldest"], row.oldest)
        return self._page("overview.html", status_=found, lanes=lanes, messages=recent)

    async def _list(self, request: web.Request) -> web.Response:
        filters, below = _filters(request)
        async with self._pool.acquire() as connection:
            found = await messages.list_messages(connection, filters, below=below, limit=PAGE)
        return self._page(
            "messages.html",
            messages=found,
            filters=filters,
            states=STATES,
            more=found[-1]["id"] if len(found) == PAGE else None,
        )

    async def _show(self, request: web.Request) -> web.Response:
        message_id = int(request.match_info["id"])
        async with self._pool.acquire() as connection:
            message = await messages.one_message(connection, message_id)
            if message is None:
                raise web.HTTPNotFound
            steps = await messages.timeline(connection, message_id)
        return self._page("message.html", message=message, steps=steps)

    async def _api_status(self, _: web.Request) -> web.Response:
        async with self._pool.acquire() as connection:
            found = await status(connection)
        return _json(
            {
                "backlog": [asdict(row) for row in found.backlog],
                "buckets": [{"name": bucket.name, "tokens": tokens} for bucket, tokens in found.buckets],
                "pauses": [asdict(row) for row in found.pauses],
                "replicas": [asdict(row) for row in found.replicas],
            }
        )

    async def _api_messages(self, request: web.Request) -> web.Response:
        filters, below = _filters(request)
        async with self._pool.acquire() as connection:
            found = await messages.list_messages(connection, filters, below=below, limit=PAGE)
        return _json({"messages": [_masked(message) for message in found]})

    async def _api_message(self, request: web.Request) -> web.Response:
        message_id = int(request.match_info["id"])
        async with self._pool.acquire() as connection:
            message = await messages.one_message(connection, message_id)
            if message is None:
                raise web.HTTPNotFound
            steps = await messages.timeline(connection, message_id)
        return _json({"message": _masked(message), "timeline": [asdict(step) for step in steps]})

    def _page(self, name: str, *, status: int = 200, **values: Any) -> web.Response:
        text = self._pages.get_template(name).render(**values)
        return web.Response(text=text, status=status, content_type="text/html")


def _filters(request: web.Request) -> tuple[Filters, int | None]:
    """Return the filters of an address. A number is no filter here: it would stand in the address and in every log."""
    state, lane, tenant, reference, below = (
        request.query.get(name) or None for name in ("state", "lane", "tenant", "reference", "before")
    )
    filters = Filters(state=state, lane=lane, tenant=tenant, reference=reference)
    return filters, int(below) if below is not None and below.isdigit() and len(below) < 19 else None


def _masked(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"to_number": mask(message["to_number"])}


def _json(value: Any) -> web.Response:
    return web.Response(text=json.dumps(value, default=str), content_type="application/json")


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def build_ops_app(pool: Pool, metrics: Metrics, readiness: Readiness, token: str | None) -> web.Application:
    """Return the application of the ops listener; `token` None leaves it open, for loopback only."""
    return Console(pool, metrics, readiness, token).build()
