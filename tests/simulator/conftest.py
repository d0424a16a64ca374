"""Simulators inside the test's own process, over real sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.simulator.config import SimulatorConfig
from gateway.simulator.server import build_app
from gateway.simulator.state import open_account

KEY = {"Authorization": "Bearer simulator-key"}
Start = Callable[..., Awaitable["TestClient[Any, Any]"]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a simulator with these knobs."""
    clients: list[TestClient[Any, Any]] = []

    async def make(**knobs: Any) -> TestClient[Any, Any]:
        account = open_account(SimulatorConfig(**({"status_delay": (0.0, 0.0)} | knobs)))
        client: TestClient[Any, Any] = TestClient(TestServer(build_app(account)))
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()
