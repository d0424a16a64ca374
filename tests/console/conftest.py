"""The ops listener on the database of one test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.auth import AuthSettings
from gateway.console.server import build_ops_app
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

TOKEN, READER = "the-token-of-the-console", "the-token-of-readers"
Open = Callable[..., Awaitable[TestClient[Any, Any]]]


@pytest.fixture
async def open_console(pool: Pool) -> AsyncIterator[Open]:
    """Start the listener, with or without tokens or a proxy."""
    clients: list[TestClient[Any, Any]] = []

    async def start(*, ready: bool = True, doctor: Any = None, **access: Any) -> TestClient[Any, Any]:
        async def readiness() -> Mapping[str, bool]:
            return {"database": True, "claiming": ready}

        app = build_ops_app(pool, Metrics(), readiness, AuthSettings(**access), doctor=doctor)
        client: TestClient[Any, Any] = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()
