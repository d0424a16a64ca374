"""A claim takes no more than the worker can send in time, however slow the machine."""

from dataclasses import dataclass
from typing import Any

import pytest
from support.outbox import enqueue
from support.workers import FakeProvider, Worker, make_worker

from gateway.dispatch import batcher
from gateway.domain.outcome import HeldBack
from gateway.store import claims, limiter
from gateway.store.pool import Pool

MAX_MESSAGES = 40


async def claim_and_release(worker: Worker, pool: Pool) -> int:
    """Return how many messages a claim took, and release them."""
    attempts = await worker.claim()
    async with pool.acquire() as connection:
        await claims.release_attempts(
            connection,
            [(one.request_id, one.claim_token, one.number) for one in attempts],
            worker="w",
            reason=HeldBack.EXPIRED,
        )
    return sum(attempt.recipients for attempt in attempts)


@pytest.fixture
async def worker(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker with sixty messages that may share a request. Its clock is that of the test's statements."""
    monkeypatch.setattr(batcher, "MAX_MESSAGES_PER_CLAIM", MAX_MESSAGES)
    async with pool.acquire() as connection:
        for n in range(60):
            await enqueue(connection, n)
    return make_worker(pool, FakeProvider(), monotonic=lambda: clock.now)


@dataclass
class Clock:
    """A clock that only slow statements move."""

    now: float = 0.0


clock = Clock()


def slow(monkeypatch: pytest.MonkeyPatch, module: object, name: str, seconds: float) -> None:
    """Make a statement take so long by the clock of the test."""
    statement = getattr(module, name)

    async def delayed(*args: Any, **kwargs: Any) -> Any:
        clock.now += seconds
        return await statement(*args, **kwargs)

    monkeypatch.setattr(module, name, delayed)


async def test_slow_rows_are_followed_by_smaller_claims(
    worker: Worker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, claims, "lock_waiting_messages", 3.0)
    assert [await claim_and_release(worker, pool) for _ in range(4)] == [40, 20, 10, 5]


async def test_a_distant_database_makes_no_claim_smaller(
    worker: Worker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, limiter, "take", 0.5)
    slow(monkeypatch, claims, "lock_waiting_messages", 0.5)
    slow(monkeypatch, claims, "create_requests", 0.5)
    assert [await claim_and_release(worker, pool) for _ in range(4)] == [40, 40, 40, 40]


async def test_fast_claims_grow_back_to_the_full_size(
    worker: Worker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slowly:
        slow(slowly, claims, "lock_waiting_messages", 3.0)
        while await claim_and_release(worker, pool) > 1:
            pass
    sizes = [await claim_and_release(worker, pool) for _ in range(30)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == MAX_MESSAGES


async def test_more_messages_than_one_claim_reads_fill_their_requests(
    worker: Worker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "MAX_MESSAGES_PER_CLAIM", MAX_MESSAGES)
    full = make_worker(pool, FakeProvider(), recipients=20)
    assert [attempt.recipients for attempt in await full.claim(10)] == [20, 20]
