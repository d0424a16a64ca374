"""The ops listener: open health, guarded pages, masked numbers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.server import build_ops_app
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

TOKEN = "the-token-of-the-console"
Open = Callable[..., Awaitable[TestClient[Any, Any]]]


@pytest.fixture
async def open_console(pool: Pool) -> AsyncIterator[Open]:
    """Start the listener, with or without a token."""
    clients: list[TestClient[Any, Any]] = []

    async def start(*, token: str | None = None, ready: bool = True) -> TestClient[Any, Any]:
        async def readiness() -> Mapping[str, bool]:
            return {"database": True, "claiming": ready}

        client: TestClient[Any, Any] = TestClient(TestServer(build_ops_app(pool, Metrics(), readiness, token)))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def message_id(connection: Any) -> int:
    """A message."""
    return int(
        await connection.fetchval(
            "insert into smsgw.outbox (to_number, body, reference) "
            "values ('+12025550123', '<b>x</b>', '<i>r</i>') returning id"
        )
    )


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_is_what_the_parts_say(open_console: Open, ready: bool, status: int) -> None:
    client = await open_console(token=TOKEN, ready=ready)
    assert (await client.get("/readyz")).status == status
    assert (await client.get("/healthz")).status == 200


async def test_metrics_need_no_token(open_console: Open) -> None:
    client = await open_console(token=TOKEN)
    assert "smsgw_build_info" in await (await client.get("/metrics")).text()


@pytest.mark.parametrize("path", ["/api/status", "/api/messages", "/api/messages/1"])
async def test_the_api_needs_the_token(open_console: Open, path: str) -> None:
    client = await open_console(token=TOKEN)
    assert (await client.get(path)).status == 401
    assert (await client.get(path, headers={"Authorization": "Bearer wrong"})).status == 401
    assert (await client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})).status in {200, 404}


async def test_a_person_logs_in_by_the_page(open_console: Open) -> None:
    client = await open_console(token=TOKEN)
    assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/login"
    assert (await client.post("/login", data={"token": "wrong"})).status == 401
    answer = await client.post("/login", data={"token": TOKEN}, allow_redirects=False)
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    assert (await client.get("/", allow_redirects=False)).status == 200


async def test_tries_to_log_in_are_limited(open_console: Open) -> None:
    client = await open_console(token=TOKEN)
    statuses = [(await client.post("/login", data={"token": "wrong"})).status for _ in range(12)]
    assert statuses[-1] == 429


async def test_without_a_token_only_loopback_names_are_answered(open_console: Open) -> None:
    client = await open_console()
    assert (await client.get("/api/status")).status == 200
    assert (await client.get("/api/status", headers={"Host": "evil.example"})).status == 401


@pytest.mark.parametrize("path", ["/", "/messages", "/messages/{}"])
async def test_pages_mask_numbers_and_escape_what_they_show(open_console: Open, message_id: int, path: str) -> None:
    client = await open_console()
    answer = await client.get(path.format(message_id))
    page = await answer.text()
    assert answer.status == 200
    assert "5550123" not in page
    assert "<i>r</i>" not in page
    assert "&lt;i&gt;r&lt;/i&gt;" in page
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


async def test_a_message_that_is_not_there_is_404(open_console: Open) -> None:
    assert (await (await open_console()).get("/messages/999")).status == 404
