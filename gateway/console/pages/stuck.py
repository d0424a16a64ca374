"""What needs an operator: stopped routes, uncertain messages, and failures by reason, each with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.operations import search, stuck
from gateway.operations.reasons import ReasonCode, explain
from gateway.operations.search import Filters
from gateway.operations.stuck import ReasonCount

UNCERTAIN_SHOWN = 25
PERIODS = {"24h": timedelta(days=1), "7d": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Messages in one state for one reason."""

    state: str
    code: str
    messages: int
    newest: datetime
    meaning: ReasonCode | None
    at_least: bool
    query: str
    """The query string of the list that shows them."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        within = request.query.get("within", "24h")
        if within not in PERIODS:
            within = "24h"
        status = (await deps.status_cache.snapshot()).report
        async with deps.pool.acquire() as connection:
            uncertain = await search.find(connection, Filters(states=("uncertain",)), limit=UNCERTAIN_SHOWN)
            reasons = await stuck.reasons(connection, datetime.now(UTC) - PERIODS[within])
        return deps.renderer.page(
            request,
            "stuck.html",
            open_routes=[(route, explain(route.last_error)) for route in status.routes if route.opened_at],
            pauses=[(pause, explain(pause.reason)) for pause in status.pauses],
            uncertain=uncertain,
            failures=[_group(reason, within) for reason in reasons],
            within=within,
            unconfirmed=sum(lane.states.get("unconfirmed", 0) for lane in status.lanes),
        )

    return [web.get("/stuck", show)]


def _group(reason: ReasonCount, within: str) -> FailureGroup:
    code = reason.code or reason.state
    params = {"state": reason.state, "within": within} | ({"reason": code} if reason.code else {})
    return FailureGroup(
        state=reason.state,
        code=code,
        messages=reason.messages,
        newest=reason.newest,
        meaning=explain(code),
        at_least=reason.at_least,
        query=urlencode(params),
    )
