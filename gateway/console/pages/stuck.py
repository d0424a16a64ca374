"""What needs a person: stopped routes, uncertain messages, and failures by their reason, each with what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from gateway.console.parts import Parts
from gateway.operations import find
from gateway.operations.answers import Meaning, explain
from gateway.store.finding import Filters, MessageRow
from gateway.store.pool import Connection

UNCERTAIN_SHOWN = 25
LOOKED_AT = 1000
"""Of the newest messages in one state that are sorted by reason; more are "1000+"."""

SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7)}
STATES = ("failed", "expired", "undelivered")


@dataclass(frozen=True, slots=True)
class Group:
    """Messages in one state for one reason."""

    state: str
    code: str
    messages: int
    newest: datetime
    meaning: Meaning | None
    search: str
    """The address of the list that shows them."""


def routes(parts: Parts) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def stuck(request: web.Request) -> web.Response:
        within = request.query.get("within", "24h")
        if within not in SPANS:
            within = "24h"
        look = await parts.watch.latest()
        async with parts.pool.acquire() as connection:
            uncertain = await find.find(connection, Filters(states=("uncertain",)), limit=UNCERTAIN_SHOWN)
            groups = [group for state in STATES for group in await _groups(connection, state, within)]
        return parts.renderer.page(
            request,
            "stuck.html",
            now=look.now,
            blocked=[(pause, explain(pause.reason)) for pause in look.now.pauses],
            uncertain=uncertain,
            explained=explain,
            groups=groups,
            within=within,
            most=LOOKED_AT,
            unconfirmed=sum(line.states.get("unconfirmed", 0) for line in look.now.lanes),
        )

    return [web.get("/stuck", stuck)]


async def _groups(connection: Connection, state: str, within: str) -> list[Group]:
    since = datetime.now(UTC) - SPANS[within]
    page = await find.find(connection, Filters(states=(state,), since=since), limit=LOOKED_AT)
    by_code: dict[str, list[MessageRow]] = {}
    for row in page.messages:
        by_code.setdefault((row.reason or state).partition(":")[0], []).append(row)
    return [
        Group(
            state,
            code,
            len(rows),
            max(row.created_at for row in rows),
            explain(code),
            urlencode({"state": state, "within": within} | ({"reason": code} if rows[0].reason else {})),
        )
        for code, rows in sorted(by_code.items(), key=lambda item: -len(item[1]))
    ]
