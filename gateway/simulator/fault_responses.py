"""The answers of each kind of fault, and closed connections."""

import asyncio
import hashlib
from typing import Any

from aiohttp import web

from gateway.simulator.errors import RATE_HEADERS, Refusal
from gateway.simulator.rules import Rule

_ABSURD = {"Retry-After": "31536000", "RateLimit-Reset": "-1", "X-RateLimit-Reset": "soon", "RateLimit-Remaining": "-5"}


def key_of(by: str, request_id: str, body: Any, raw: bytes) -> str:
    """Return what identifies a send in the decisions: its id, or a digest of its recipients."""
    if by == "request_id" and request_id:
        return request_id
    named = body.get("subscribers") if isinstance(body, dict) else None
    text = "\0".join(sorted(map(str, named))).encode() if isinstance(named, list) else raw
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def instead(rule: Rule, request: web.Request) -> web.StreamResponse:
    """Answer without processing the request; raises `Refusal` for documented answers."""
    match rule.kind:
        case "429":
            _rate_headers(rule, request)
            raise Refusal(429, "Too many requests")
        case "401":
            raise Refusal(401, "Invalid API key")
        case "402":
            raise Refusal(402, "Insufficient credits")
        case "403":
            raise Refusal(403, "Message filtered", reason=rule.reason)
        case "500_before":
            raise Refusal(500, "Internal server error")
        case "html_502_before":
            return bad_gateway()
        case "success_false_before":
            return web.json_response({"success": False, "message": "not sent"})
        case _:
            raise cut(request)


def afterwards(kind: str | None, request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Return the answer of this kind of fault, after the texts were sent."""
    match kind:
        case "500_after":
            raise Refusal(500, "Internal server error")
        case "drop_after":
            raise cut(request)
        case "html_502_after" | "html_502":
            return bad_gateway()
        case "truncated_after":
            return web.Response(body=bytes(answer.body or b"")[:20], content_type="application/json")  # type: ignore[arg-type]
        case "success_false_after":
            return web.json_response({"success": False, "message": "not sent"})
    return answer


def bad_gateway() -> web.Response:
    """Return the error page of a proxy."""
    return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")


def cut(request: web.Request) -> asyncio.CancelledError:
    """Close the connection. The caller raises the result, so that no answer is sent."""
    if request.transport is not None:
        request.transport.abort()
    return asyncio.CancelledError()


def _rate_headers(rule: Rule, request: web.Request) -> None:
    """Set the rate-limit headers of a 429: all, one, none, or invalid ones."""
    if rule.headers == "none":
        request[RATE_HEADERS] = {}
    elif rule.headers == "absurd":
        request[RATE_HEADERS] = dict(_ABSURD)
    else:
        wait = 1.0 if rule.retry_after is None else rule.retry_after
        found = {"Retry-After": str(max(0, round(wait)))}
        if rule.headers == "full":
            for family in ("RateLimit", "X-RateLimit"):
                found |= {f"{family}-Remaining": "0", f"{family}-Reset": str(round(wait * 1000))}
        request[RATE_HEADERS] = request.get(RATE_HEADERS, {}) | found if rule.headers == "full" else found
