"""Postgres goes away and comes back: nothing is lost, nobody has to restart anything."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from support.processes import SECRET, Gateway, Simulator, free_port, poll

from gateway.embedded import EmbeddedPostgres
from gateway.provider.mta.signature import sign
from gateway.store.migrate import migrate


@pytest.fixture
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test alone, that it may stop."""
    with tempfile.TemporaryDirectory(prefix="smsgw-outage-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder))
        yield server
        server.stop()


async def post(gateway: Gateway, body: bytes) -> int:
    address = f"http://127.0.0.1:{gateway.webhook_port}/webhooks/mta/delivery-status"
    headers = {"X-Signature": sign(SECRET, body)}
    async with aiohttp.ClientSession() as session, session.post(address, data=body, headers=headers) as response:
        return response.status


async def test_the_daemon_recovers_when_the_database_is_back(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    dsn = postgres.start().dsn
    await migrate(dsn)
    webhook_port = free_port()
    simulator = await Simulator(tmp_path, webhook_port, status_delay=[0.0, 0.05]).start()
    gateway = await Gateway(tmp_path, dsn, simulator.base, webhook_port).start()
    try:
        postgres.stop()
        assert await post(gateway, b'{"externalId": "x", "status": 4}') == 503

        async def unready() -> bool:
            return not await gateway.ready()

        await poll(unready)
        assert postgres.start().dsn == dsn
        await poll(gateway.ready)
        assert await post(gateway, b'{"externalId": "x", "status": 4}') == 200
        connection: Any = await asyncpg.connect(dsn)
        await connection.execute("insert into smsgw.outbox (to_number, body) values ('+12025550123', 'x')")

        async def delivered() -> bool:
            return bool(await connection.fetchval("select state = 'delivered' from smsgw.message"))

        await poll(delivered)
        await connection.close()
    finally:
        await gateway.process.stop()
        await simulator.process.stop()
