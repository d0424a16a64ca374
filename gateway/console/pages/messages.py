"""The list of messages: search, preset searches, and the next page of either."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from gateway.console import inputs
from gateway.console.dependencies import ConsoleDeps
from gateway.console.inputs import SearchForm
from gateway.console.rendering import is_htmx, redirect
from gateway.domain.states import State
from gateway.operations import lanes, search

PAGE = 50
SEARCH_TIMEOUT = 0.1
"""Seconds of one search for rare matches. The page shows what was found, and the browser continues from there."""
PRESETS = (
    ("Uncertain", {"state": "uncertain"}),
    ("Failed, last day", {"state": "failed", "within": "24h"}),
    ("Undelivered, last day", {"state": "undelivered", "within": "24h"}),
    ("Login codes waiting", {"state": "ready,held,retrying", "lane": "otp"}),
    ("Retrying", {"state": "retrying"}),
    ("Scheduled", {"state": "scheduled"}),
)

WITHIN = (("", "any time"), ("15m", "last 15 minutes"), ("1h", "last hour"), ("24h", "last day"), ("7d", "last week"))


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def page(request: web.Request, form: SearchForm, below: int | None) -> web.Response:
        async with deps.pool.acquire() as connection:
            found = await search.find(connection, form.filters, below=below, limit=PAGE, max_seconds=SEARCH_TIMEOUT)
            lane_names = [lane.name for lane in await lanes.list_lanes(connection)]
        is_list_only = request.headers.get("HX-Target") == "message-list"
        return deps.renderer.page(
            request,
            "fragments/message_list.html" if is_list_only else "messages.html",
            page=found,
            entered=form.entered,
            fields=form.fields,
            more_fields=inputs.MORE_FIELDS,
            older_query=None if found.next is None else urlencode(form.url_params | {"below": found.next}),
            query=urlencode(form.url_params),
            is_first_page=below is None,
            states=tuple(State),
            lane_names=lane_names,
            within=WITHIN,
            presets=[(name, urlencode(params)) for name, params in PRESETS],
        )

    async def show(request: web.Request) -> web.Response:
        return await page(request, inputs.parse_search(request.query), inputs.below_id(request.query))

    async def submit(request: web.Request) -> web.Response:
        """Answer a search by number here, because no address may hold a number. Redirect every other search."""
        values: Mapping[str, Any] = await request.post()
        form = inputs.parse_search(values)
        if "number" not in form.entered and not is_htmx(request):
            return redirect("/messages", **form.url_params)
        response = await page(request, form, inputs.below_id(values))
        if "number" not in form.entered and "below" not in values:
            response.headers["HX-Push-Url"] = "/messages?" + urlencode(form.url_params)
        return response

    return [web.get("/messages", show), web.post("/messages", submit)]
