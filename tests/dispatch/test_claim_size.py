"""A claim takes no more than the worker can send in time, however slow the machine."""

from collections.abc import Callable

import pytest
from support.outbox import enqueue
from support.workers import FakeProvider, Worker, make_worker

from gateway.dispatch import batcher
from gateway.store import claims
from gateway.store.pool import Pool

MAX_MESSAGES = 40


class Clock:
    """Advances by `step` each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def claim_and_release(worker: Worker, pool: Pool) -> int:
    """Return how many messages a claim took, and release them."""
    attempts = await worker.claim()
    async with pool.acquire() as connection:
        await claims.release_attempts(connection, [(one.request_id, one.token, one.number) for one in attempts])
    return sum(attempt.recipients for attempt in attempts)


@pytest.fixture
async def slow_worker(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Callable[[Clock], Worker]:
    """A worker on a clock of the test, with sixty messages that may share a request."""
    monkeypatch.setattr(batcher, "MAX_MESSAGES_PER_CLAIM", MAX_MESSAGES)
    async with pool.acquire() as connection:
        for n in range(60):
            await enqueue(connection, n)
    return lambda clock: make_worker(pool, FakeProvider(), monotonic=clock)


async def test_a_slow_claim_is_followed_by_smaller_ones(slow_worker: Callable[[Clock], Worker], pool: Pool) -> None:
    clock = Clock()
    worker = slow_worker(clock)
    clock.step = 3.0
    assert [await claim_and_release(worker, pool) for _ in range(4)] == [40, 20, 10, 5]


async def test_fast_claims_grow_back_to_the_full_size(slow_worker: Callable[[Clock], Worker], pool: Pool) -> None:
    clock = Clock()
    worker = slow_worker(clock)
    clock.step = 3.0
    while await claim_and_release(worker, pool) > 1:
        pass
    clock.step = 0.0
    sizes = [await claim_and_release(worker, pool) for _ in range(30)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == MAX_MESSAGES
