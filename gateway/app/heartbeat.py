"""Tells the other replicas and the operator that this process lives."""

import asyncio
import os
import secrets
import socket

import structlog

import gateway
from gateway.store.pool import UNAVAILABLE, Pool
from gateway.store.sql import query

BEAT = 10.0
"""Seconds. `smsgw status` calls a replica silent after three of them."""

LEAVE_TIMEOUT = 5.0

log = structlog.get_logger(__name__)


def worker_name() -> str:
    """Return a name that no other process start has.

    The host alone would let a restart finish its predecessor's work.
    """
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Heartbeat:
    """One row of `smsgw.replica`, kept fresh."""

    def __init__(self, pool: Pool, worker: str, duties: list[str]) -> None:
        self._pool = pool
        self._worker = worker
        self._duties = duties

    async def run(self) -> None:
        """Beat until cancelled; a database that is away is somebody else's news."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await connection.execute(
                        query("replica_beat"),
                        self._worker,
                        socket.gethostname(),
                        os.getpid(),
                        gateway.__version__,
                        self._duties,
                    )
            except UNAVAILABLE as error:
                log.debug("heartbeat_missed", error=type(error).__name__)
            await asyncio.sleep(BEAT)

    async def leave(self) -> None:
        """Take the row away: a replica that was stopped is not one that fell silent."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT), self._pool.acquire() as connection:
                await connection.execute(query("replica_leave"), self._worker)
        except UNAVAILABLE as error:
            log.debug("heartbeat_missed", error=type(error).__name__)
