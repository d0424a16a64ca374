"""Renders pages and JSON: templates with autoescape, and how figures and times are written."""

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import jinja2
from aiohttp import web

import gateway
from gateway.console.context import CSRF, IDENTITY
from gateway.domain.phone import mask

DIRECTORY = Path(__file__).parent
ERROR_TITLES = {
    400: "Invalid input", 401: "Not logged in", 403: "Not allowed", 404: "Not found", 409: "Not possible now",
    413: "Too large", 422: "Invalid input", 429: "Too many requests", 503: "Not available",
}  # fmt: skip

NOTICES = {
    "cancelled": "Cancelled. The message will not be sent.",
    "resolved": "Resolved.",
    "paused": "Paused. Requests in flight complete; nothing new is sent in this scope.",
    "resumed": "Resumed.",
    "lane": "Lane saved. The next claim uses it.",
    "suppressed": "Suppressed. This number gets no more messages.",
    "suppressed-before": "This number was already suppressed.",
    "unsuppressed": "Removed. This number gets messages again.",
    "stopped": "Replay stopped. Messages that were already replayed are not affected.",
}
"""What a page shows after a change. The address holds only the key."""


class Renderer:
    """The templates. Those in `fragments/` are parts of a page, and htmx loads some of them alone."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(DIRECTORY / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "mask": mask, "clock": clock, "seconds": seconds, "count": count, "iso": iso, "sentence": sentence,
        }  # fmt: skip
        self._templates.globals |= {"release": gateway.__version__, "tone": tone}

    def render(self, template: str, **values: Any) -> str:
        """Return a filled-in template."""
        return self._templates.get_template(template).render(**values)

    def page(self, request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """Return a page or fragment. Every template gets the identity, the CSRF token and the notice."""
        html = self.render(
            template,
            identity=request.get(IDENTITY),
            csrf=request.get(CSRF, ""),
            path=request.path,
            notice_text=NOTICES.get(request.query.get("notice", ""), ""),
            **values,
        )
        return web.Response(text=html, status=status, content_type="text/html")

    def page_or_fragment(self, request: web.Request, page: str, fragment: str, **values: Any) -> web.Response:
        """Return the fragment if htmx asks, otherwise the whole page."""
        return self.page(request, fragment if is_htmx(request) else page, **values)

    def error(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return an error as JSON, a fragment or a page, whichever the request expects."""
        if is_api(request):
            return json_response({"error": message}, status=status)
        title = ERROR_TITLES.get(status, "Error")
        return self.page_or_fragment(
            request, "error.html", "fragments/error.html", status=status, title=title, message=message
        )


def redirect(path: str, notice: str | None = None, **query: object) -> web.Response:
    """Redirect to a page that shows the change."""
    params = {name: value for name, value in query.items() if value is not None}
    if notice is not None:
        params["notice"] = notice
    return web.Response(status=303, headers={"Location": path + (f"?{urlencode(params)}" if params else "")})


def is_api(request: web.Request) -> bool:
    """Whether the request is for the JSON API."""
    return request.path.startswith("/api/")


def is_htmx(request: web.Request) -> bool:
    """Whether htmx sent the request, to replace a part of a page."""
    return "HX-Request" in request.headers


def json_response(value: Any, *, status: int = 200) -> web.Response:
    """Return JSON."""
    return web.Response(text=json.dumps(value, default=json_value), status=status, content_type="application/json")


def json_value(value: Any) -> Any:
    """Return a value as a type that JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def clock(moment: datetime | None) -> str:
    """Return a time as people read it, in UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime | None) -> str:
    """Return a time for the `datetime` attribute."""
    return "" if moment is None else moment.isoformat(timespec="milliseconds")


def sentence(text: str) -> str:
    """Return a text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def seconds(value: float | None) -> str:
    """Return a duration in the unit that fits."""
    if value is None:
        return ""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if value >= size:
            return f"{value / size:.1f} {unit}".replace(".0 ", " ")
    if value == int(value):
        return f"{value:.0f} s"
    return f"{value:.1f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def count(value: float | None) -> str:
    """Return a number with a space between thousands."""
    return "" if value is None else f"{value:,.0f}".replace(",", " ")


TONES = {
    "delivered": "good", "accepted": "good", "ok": "good",
    "failed": "bad", "undelivered": "bad", "expired": "bad", "uncertain": "bad", "fail": "bad",
    "retrying": "wait", "held": "wait", "unconfirmed": "wait", "sending": "wait", "warn": "wait",
}  # fmt: skip


def tone(state: str) -> str:
    """Return the colour class of a state. The state is always written too: colour is never the only sign."""
    return TONES.get(state, "plain")
