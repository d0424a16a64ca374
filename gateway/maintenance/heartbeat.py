"""Shows the other replicas and the operator that this process runs."""

import asyncio
import os
import secrets
import socket

import structlog

import gateway
from gateway.store import replicas
from gateway.store.pool import UNAVAILABLE, Pool

INTERVAL = 10.0
"""Seconds between two beats. `smsgw status` calls a replica silent after three of them."""

LEAVE_TIMEOUT = 5.0

log = structlog.get_logger(__name__)


def worker_name() -> str:
    """Return a name that no other start of a process has.

    With the host's name alone, a restarted process could write results for requests that its predecessor leased.
    """
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Heartbeat:
    """Keeps one row of `smsgw.replica` fresh."""

    def __init__(self, pool: Pool, worker: str, components: list[str]) -> None:
        self._pool = pool
        self._worker = worker
        self._components = components

    async def run(self) -> None:
        """Beat until cancelled. A missed beat is only a debug event: other loops report that the database is away."""
        while True:
            try:
                await replicas.beat(
                    self._pool,
                    self._worker,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=gateway.__version__,
                    components=self._components,
                )
            except UNAVAILABLE as error:
                log.debug("heartbeat_missed", error=type(error).__name__)
            await asyncio.sleep(INTERVAL)

    async def leave(self) -> None:
        """Delete the row, so that a stopped replica does not look like one that fell silent."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await replicas.leave(self._pool, self._worker)
        except UNAVAILABLE as error:
            log.debug("heartbeat_missed", error=type(error).__name__)
