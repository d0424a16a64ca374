"""Background work of the console: live streams, and replays that run to their end."""

import asyncio
from typing import Any

from support.outbox import enqueue
from support.processes import poll

from gateway.operations import replay
from gateway.store.filters import Filters
from gateway.store.pool import connect

TOKEN = "the-token-of-the-console"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_stream_sends_the_overview_and_ends_when_the_process_stops(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    async with asyncio.timeout(120), client.get("/live", headers=BEARER) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert "unsafe" not in stream.headers["Content-Security-Policy"]
        received = b""
        while b"event: overview" not in received or b'data-waiting="bulk"' not in received:
            received += await stream.content.readany()
        await client.server.close()
        while not stream.content.at_eof():
            received += await stream.content.readany()


async def test_a_stream_requires_a_login(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    assert (await client.get("/live", allow_redirects=False)).status == 303


async def test_an_unfinished_replay_can_be_continued(open_console: Any, database: Any, connection: Any) -> None:
    ids = [await enqueue(connection, number) for number in range(3)]
    await connection.execute(
        "update smsgw.outbox set terminal_status = 'failed', final_at = now(), reason = 'forbidden: filtered' "
        "where id = any($1)",
        ids,
    )
    operator = await connect(database.dsn, purpose="test")
    planned = await replay.plan(operator, Filters(states=("failed",)))
    begun = await replay.begin(operator, planned, actor="ada", because="the filter was lifted")
    await operator.close()
    client = await open_console(token=TOKEN)
    assert (await client.post(f"/api/replay/{begun.id}/continue", headers=BEARER)).status == 200

    async def finished() -> bool:
        at = await (await client.get(f"/api/replay/{begun.id}", headers=BEARER)).json()
        return at["finished_at"] is not None

    await poll(finished)
    assert await connection.fetchval("select count(*) from smsgw.message where state = 'ready'") == 3
    page = await (await client.get(f"/replay/{begun.id}", headers=BEARER)).text()
    assert "Finished." in page
    recorded = await connection.fetchval("select message_ids from smsgw.operator_action where action = 'replay'")
    assert sorted(recorded) == ids
