"""Dispatch on a real database, with a provider that gives the answers of a test."""

from collections.abc import Callable
from typing import Any

import pytest
from support.workers import FakeProvider, Worker, make_worker

from gateway.store.pool import Pool


@pytest.fixture
def worker(pool: Pool) -> Callable[..., Worker]:
    """Make workers on the test's database, each with a provider of its own."""
    return lambda **settings: make_worker(pool, FakeProvider(), **settings)


@pytest.fixture
async def db(connection: Any) -> Any:
    """A connection to the test's database, in which the limiter has tokens: a new bucket would start empty."""
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    return connection
