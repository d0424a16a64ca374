"""The sending side on a real database, with a provider that answers what a test says."""

from collections.abc import Callable
from typing import Any

import pytest
from support.workers import Wire, Worker, make_worker

from gateway.store.pool import Pool


@pytest.fixture
def worker(pool: Pool) -> Callable[..., Worker]:
    """Make workers on the test's database, each with a wire of its own."""
    return lambda **settings: make_worker(pool, Wire(), **settings)


@pytest.fixture
async def filled(connection: Any) -> Any:
    """A connection whose limiter is full: a new bucket starts empty."""
    await connection.execute(
        "insert into smsgw.bucket (name, tokens, counted_at, allowance, period, margin) "
        "values ('mta:requests', 10000, now() - interval '1 hour', 100000, 1, 0)"
    )
    return connection
