"""A simulator and a daemon as processes, on the test's own database."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from support.processes import Gateway, Simulator, free_port

FAST = {
    "request_limit": 2000,
    "request_window": "1s",
    "parts_per_minute": 0,
    "request_timeout": "5s",
    "send_within": "4s",
    "lease": "15s",
}


@dataclass(slots=True)
class World:
    """Everything that one end-to-end test needs."""

    folder: Path
    dsn: str
    connection: "asyncpg.Connection[Any]"
    simulator: Simulator
    gateway: Gateway

    async def restart(self) -> None:
        """Start the daemon again, with the same settings."""
        await self.gateway.start()

    async def states(self) -> dict[str, int]:
        """Return how many messages are in each state."""
        rows = await self.connection.fetch("select state, count(*) as n from smsgw.message group by state")
        return {row["state"]: row["n"] for row in rows}

    async def ledger(self) -> list[dict[str, Any]]:
        """Return what left, by (external id, number)."""
        return list((await self.simulator.get("ledger"))["entries"])


@pytest.fixture
async def world(database: Any, tmp_path: Path) -> AsyncIterator[World]:
    """A running simulator and daemon."""
    webhook_port = free_port()
    simulator = await Simulator(
        tmp_path, webhook_port, send_limit=2000, send_window=1.0, messages_per_minute=1_000_000, other_limit=1000,
        status_delay=[0.0, 0.05],
    ).start()  # fmt: skip
    gateway = await Gateway(tmp_path, database.dsn, simulator.base, webhook_port, **FAST).start()
    connection = await asyncpg.connect(database.dsn)
    yield World(tmp_path, database.dsn, connection, simulator, gateway)
    await connection.close()
    with suppress(aiohttp.ClientError):
        await gateway.metrics()  # for the scan of everything that a run exposes
    await gateway.process.stop()
    await simulator.process.stop()
