"""The provider hears 200 when the receipt is committed, and not a moment before: it would not tell us again."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
from aiohttp.test_utils import RawTestServer, TestClient
from support.processes import poll

from gateway.provider.mta.kind import MTA
from gateway.provider.mta.signature import sign
from gateway.receipts.journal import Journal
from gateway.receipts.listener import Listener
from gateway.store.pool import Pool, lazy_pool

SECRET = "secret-of-this-test"
BODY = b'{"externalId": "of somebody else", "status": 4}'
WAITING = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"


class Deaf:
    """An observer that does not care."""

    def webhook(self, event: str, result: str, seconds: float) -> None:
        pass


@asynccontextmanager
async def listening(pool: Pool) -> AsyncIterator[TestClient[Any, Any]]:
    journal = Journal(pool)
    running = asyncio.create_task(journal.run())
    client: TestClient[Any, Any] = TestClient(RawTestServer(Listener(journal, MTA.webhooks, [SECRET], Deaf()).handle))
    await client.start_server()
    try:
        yield client
    finally:
        await client.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def post(client: TestClient[Any, Any], signature: str = sign(SECRET, BODY)) -> int:
    headers = {"X-Signature": signature}
    async with client.post("/webhooks/mta/delivery-status", data=io.BytesIO(BODY), headers=headers) as response:
        return response.status


async def test_the_answer_waits_for_the_commit(database: Any, pool: Pool) -> None:
    holder: Any = await asyncpg.connect(database.dsn)
    try:
        async with listening(pool) as client:
            holding = holder.transaction()
            await holding.start()
            await holder.execute("lock table smsgw.receipt in exclusive mode")
            posting = asyncio.create_task(post(client))
            await poll(lambda: holder.fetchval(WAITING))
            assert not posting.done()
            await holding.rollback()
            assert await posting == 200
            assert await holder.fetchval("select count(*) from smsgw.receipt") == 1
    finally:
        await holder.close()


async def test_without_a_database_the_provider_is_told_to_come_again() -> None:
    away = await lazy_pool("postgresql://nobody@127.0.0.1:1/none", purpose="test", max_size=1)
    try:
        async with listening(away) as client:
            assert await post(client) == 503
    finally:
        await away.close()


@pytest.mark.parametrize("signature", ["", "0" * 64, sign("another secret", BODY)])
async def test_what_is_not_signed_by_the_secret_is_refused_and_not_kept(
    connection: Any, pool: Pool, signature: str
) -> None:
    async with listening(pool) as client:
        assert await post(client, signature) == 401
    assert await connection.fetchval("select count(*) from smsgw.receipt") == 0


async def test_a_replayed_webhook_changes_nothing(connection: Any, pool: Pool) -> None:
    async with listening(pool) as client:
        assert [await post(client) for _ in range(3)] == [200, 200, 200]
    assert await connection.fetchval("select count(*) from smsgw.receipt") == 1
