"""Turns values into pages and JSON: templates with autoescape, and the few ways in which a figure is written."""

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

HERE = Path(__file__).parent
REASONS = {400: "That cannot be", 401: "Not logged in", 403: "Not allowed", 404: "Not here", 409: "Not now",
           413: "Too large", 422: "That cannot be", 429: "Too often", 503: "Not now"}  # fmt: skip


class Renderer:
    """The templates."""

    def __init__(self) -> None:
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {
            "mask": mask, "clock": clock, "seconds": seconds, "count": count, "iso": iso,
        }  # fmt: skip
        self._pages.globals |= {"release": gateway.__version__, "tone": tone}

    def text(self, template: str, **values: Any) -> str:
        """Return a template filled in."""
        return self._pages.get_template(template).render(**values)

    def page(self, request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """Return a page; every template may ask who looks at it, and needs the CSRF token for its forms."""
        text = self.text(
            template,
            identity=request.get(IDENTITY),
            csrf=request.get(CSRF, ""),
            path=request.path,
            told=TOLD.get(request.query.get("told", ""), ""),
            **values,
        )
        return web.Response(text=text, status=status, content_type="text/html")

    def failure(self, request: web.Request, status: int, sentence: str) -> web.Response:
        """Return an error in the form that was asked for: JSON, a piece of a page, or a page."""
        if is_api(request):
            return json_answer({"error": sentence}, status=status)
        name = "failure_piece.html" if request.headers.get("HX-Request") else "failure.html"
        return self.page(request, name, status=status, title=REASONS.get(status, "It went wrong"), sentence=sentence)


TOLD = {
    "cancelled": "Called back: it will not be sent.",
    "resolved": "Settled.",
    "paused": "Paused. What is in the air lands; nothing new is sent.",
    "resumed": "Resumed.",
    "lane": "The lane is changed; the next claim follows it.",
    "suppressed": "Suppressed: nothing is sent to that number any more.",
    "suppressed-before": "That number was suppressed already.",
    "unsuppressed": "No longer suppressed.",
    "stopped": "The replay is stopped; what was replayed stays so.",
}
"""What a page says after a change; the address names only which of these."""


def see(path: str, told: str | None = None, **values: object) -> web.Response:
    """Send the browser on to a page that shows what was changed."""
    given = {name: value for name, value in values.items() if value is not None}
    if told is not None:
        given["told"] = told
    return web.Response(status=303, headers={"Location": path + (f"?{urlencode(given)}" if given else "")})


def is_api(request: web.Request) -> bool:
    """Whether a program asks."""
    return request.path.startswith("/api/")


def json_answer(value: Any, *, status: int = 200) -> web.Response:
    """Return JSON."""
    return web.Response(text=json.dumps(value, default=plain), status=status, content_type="application/json")


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
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
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def clock(moment: datetime | None) -> str:
    """Return a moment as people read it, UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime | None) -> str:
    """Return a moment for the `datetime` attribute."""
    return "" if moment is None else moment.isoformat(timespec="milliseconds")


def seconds(value: float | None) -> str:
    """Return a length of time in the unit that fits."""
    if value is None:
        return ""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if value >= size:
            return f"{value / size:.1f} {unit}".replace(".0 ", " ")
    if value == int(value):
        return f"{value:.0f} s"
    return f"{value:.1f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def count(value: float | None) -> str:
    """Return a number with its thousands apart."""
    return "" if value is None else f"{value:,.0f}".replace(",", " ")


TONES = {
    "delivered": "good", "accepted": "good", "ok": "good",
    "failed": "bad", "undelivered": "bad", "expired": "bad", "uncertain": "bad", "fail": "bad",
    "retrying": "wait", "held": "wait", "unconfirmed": "wait", "sending": "wait", "warn": "wait",
}  # fmt: skip


def tone(state: str) -> str:
    """Return how a state is coloured. The word itself stands there too: colour is never the only sign."""
    return TONES.get(state, "plain")
