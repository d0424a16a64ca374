"""Connections for requests that must not go out late, and must not arrive late.

Making a connection may take as long as the limiter allows between a claim and the arrival of its request. So the clock
is checked last here, between getting a connection and writing to it. A late request is held back, certainly unsent, and
the connection is kept for the next attempt. What was written must arrive soon: the system aborts a connection on which
something was not acknowledged in time, so that it is not repeated to the provider much later.
"""

import socket
from contextvars import ContextVar
from typing import Any

import aiohttp

from gateway.clock import monotonic
from gateway.provider.protocol import TRANSIT_SECONDS

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
        _limit_transit(transport)
        by = SEND_DEADLINE.get()
        if by is not None and monotonic() > by:
            connection.release()
            raise DeadlineExceeded
        return connection


def _limit_transit(transport: Any) -> None:
    """Abort the connection if the other side does not acknowledge in time (RFC 5482; Linux only)."""
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if connection is not None and option is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, int(TRANSIT_SECONDS * 1000))
