"""Operators on a real database, beside a gateway that is turned by hand."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.workers import FakeProvider, Worker, make_worker

from gateway.store.pool import Pool, connect


@pytest.fixture
async def operator(database: Any) -> AsyncIterator[Any]:
    """A connection as the command line opens it; the limiter is full."""
    connection = await connect(database.dsn, purpose="test")
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    yield connection
    await connection.close()


@pytest.fixture
def worker(pool: Pool) -> Callable[..., Worker]:
    """Make workers on the test's database, each with a provider of its own."""
    return lambda **settings: make_worker(pool, FakeProvider(), **settings)
