"""What needs a person: stopped routes, uncertain messages, and failures by their reason, each with what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.operations import search
from gateway.operations.reasons import ReasonCode, explain
from gateway.store import stuck
from gateway.store.filters import Filters
from gateway.store.stuck import Reason

UNCERTAIN_SHOWN = 25
SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Group:
    """Messages in one state for one reason."""

    state: str
    code: str
    messages: int
    newest: datetime
    meaning: ReasonCode | None
    at_least: bool
    search: str
    """The address of the list that shows them."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def show(request: web.Request) -> web.Response:
        within = request.query.get("within", "24h")
        if within not in SPANS:
            within = "24h"
        look = await deps.watch.latest()
        async with deps.pool.acquire() as connection:
            uncertain = await search.find(connection, Filters(states=("uncertain",)), limit=UNCERTAIN_SHOWN)
            found = await stuck.reasons(connection, datetime.now(UTC) - SPANS[within])
        return deps.renderer.page(
            request,
            "stuck.html",
            now=look.now,
            blocked=[(pause, explain(pause.reason)) for pause in look.now.pauses],
            uncertain=uncertain,
            explained=explain,
            groups=[_group(reason, within) for reason in found],
            within=within,
            unconfirmed=sum(line.states.get("unconfirmed", 0) for line in look.now.lanes),
        )

    return [web.get("/stuck", show)]


def _group(reason: Reason, within: str) -> Group:
    code = reason.code or reason.state
    given = {"state": reason.state, "within": within} | ({"reason": code} if reason.code else {})
    return Group(reason.state, code, reason.messages, reason.newest, explain(code), reason.at_least, urlencode(given))
