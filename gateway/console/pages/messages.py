"""The list of messages: search, named views, and the next page of either."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from gateway.console import inputs
from gateway.console.dependencies import ConsoleDeps
from gateway.console.inputs import Search
from gateway.console.rendering import see
from gateway.domain.states import State
from gateway.operations import search
from gateway.store import lanes

PAGE = 50
PATIENCE = 0.1
"""Seconds of one look for what matches rarely; the page comes with what it has, and the browser asks on from there."""
VIEWS = (
    ("Uncertain", {"state": "uncertain"}),
    ("Failed, last day", {"state": "failed", "within": "24h"}),
    ("Undelivered, last day", {"state": "undelivered", "within": "24h"}),
    ("Login codes that wait", {"state": "ready,held,retrying", "lane": "otp"}),
    ("Retrying", {"state": "retrying"}),
    ("Scheduled", {"state": "scheduled"}),
)
"""Searches that everybody needs."""

WITHIN = (("", "any time"), ("15m", "last 15 minutes"), ("1h", "last hour"), ("24h", "last day"), ("7d", "last week"))


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(request: web.Request, wanted: Search, below: int | None) -> web.Response:
        async with deps.pool.acquire() as connection:
            found = await search.find(connection, wanted.filters, below=below, limit=PAGE, patience=PATIENCE)
            lane_names = [lane.name for lane in await lanes.list_lanes(connection)]
        template = "messages_found.html" if request.headers.get("HX-Target") == "found" else "messages.html"
        return deps.renderer.page(
            request,
            template,
            page=found,
            typed=wanted.typed,
            fields=wanted.fields,
            older=None if found.next is None else urlencode(wanted.linkable | {"below": found.next}),
            here=urlencode(wanted.linkable),
            first=below is None,
            states=tuple(State),
            lane_names=lane_names,
            within=WITHIN,
            views=[(name, urlencode(filters)) for name, filters in VIEWS],
        )

    async def list_(request: web.Request) -> web.Response:
        return await page(request, inputs.search(request.query), inputs.place(request.query))

    async def submit(request: web.Request) -> web.Response:
        """A search with a number is answered here: it may stand in no address. Every other one gets an address."""
        form: Mapping[str, Any] = await request.post()
        wanted = inputs.search(form)
        if "number" not in wanted.typed and not request.headers.get("HX-Request"):
            return see("/messages", **wanted.linkable)
        response = await page(request, wanted, inputs.place(form))
        if "number" not in wanted.typed and "below" not in form:
            response.headers["HX-Push-Url"] = "/messages?" + urlencode(wanted.linkable)
        return response

    return [web.get("/messages", list_), web.post("/messages", submit)]
