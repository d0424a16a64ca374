"""The provider's error body."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

RATE_HEADERS = web.RequestKey("rate_headers", dict)
"""Where a route leaves the headers that tell of its limit."""

NAMES = {
    400: ("bad_request_error", "MTABadRequestError"),
    401: ("unauthorized_error", "MTAUnauthorizedError"),
    402: ("payment_required_error", "MTAPaymentRequiredError"),
    403: ("forbidden_error", "MTAForbiddenError"),
    404: ("not_found_error", "MTANotFoundError"),
    409: ("conflict_error", "MTAConflictError"),
    429: ("rate_limit_error", "MTARateLimitError"),
    500: ("internal_server_error", "MTAInternalServerError"),
}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason

    def response(self) -> web.Response:
        """Return the documented body."""
        kind, name = NAMES.get(self.status, ("error", "MTAError"))
        body: dict[str, Any] = {
            "httpCode": self.status,
            "message": self.message,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "type": kind,
            "name": name,
            "requestId": str(uuid4()),
        }
        if self.status == 403:
            body["reason"] = self.reason
        return web.json_response(body, status=self.status)
