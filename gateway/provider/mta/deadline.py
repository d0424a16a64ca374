"""Connections for requests that must not go out late.

Making a connection may take many times as long as the limiter's margin allows between a claim and the arrival of its
request. So the clock is checked last here, between getting a connection and writing to it. A late request is held
back, certainly unsent, and the connection is kept for the next attempt.
"""

from contextvars import ContextVar
from typing import Any

import aiohttp

from gateway.clock import monotonic

SEND_DEADLINE: ContextVar[float | None] = ContextVar("send_by", default=None)
"""The moment of `gateway.clock` after which the present task's request must not be begun; None for no such moment."""


class DeadlineExceeded(aiohttp.ClientConnectionError):
    """It was too late to begin; no byte was written."""


class ConnectionLostBeforeWrite(aiohttp.ClientConnectionError):
    """The other side hung up before the first byte was written."""


class DeadlineConnector(aiohttp.TCPConnector):
    """Hands out no connection that came too late or is gone already."""

    async def connect(
        self,
        req: Any,
        traces: Any,
        timeout: Any,  # noqa: ASYNC109  aiohttp names it
    ) -> aiohttp.connector.Connection:
        """Return a connection on which the request may be written at once; see `aiohttp.BaseConnector.connect`."""
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is None or transport.is_closing():
            connection.close()
            raise ConnectionLostBeforeWrite
        by = SEND_DEADLINE.get()
        if by is not None and monotonic() > by:
            connection.release()
            raise DeadlineExceeded
        return connection
