"""The whole dispatch loop: claim, send, complete, wait; and what happens when a part of it crashes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from support.outbox import LOST, UNREACHED, enqueue, status
from support.processes import poll
from support.workers import CountingObserver, FakeProvider

from gateway.app.dispatch import build_engine
from gateway.dispatch.engine import Engine
from gateway.domain.outcome import Answer, Phase
from gateway.settings import Settings
from gateway.store import doorbell

RunEngine = Callable[..., Any]


@pytest.fixture
def run_engine(pool: Any, database: Any) -> RunEngine:
    """Run an engine on the test's database for the duration of a context. Its safety poll is an hour away."""

    @asynccontextmanager
    async def run(provider: FakeProvider, **changes: Any) -> AsyncIterator[Engine]:
        settings = Settings(_env_file=None, **({"request_limit": 10_000, "request_window": 1.0, "request_spare": 0,  # type: ignore[call-arg]
            "parts_per_minute": 0, "poll_interval": 3600.0, "max_recipients": 1} | changes))  # fmt: skip
        observer: Any = CountingObserver()
        engine = build_engine(
            settings, pool, provider, observer, dsn=database.dsn, worker="w"  # type: ignore[arg-type]
        )  # fmt: skip
        running = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            engine.stop()
            await running

    return run


def sent_all(connection: Any, count: int) -> Any:
    return lambda: connection.fetchval("select count(*) = $1 from smsgw.message where state = 'accepted'", count)


def no_lease(engine: Engine) -> Any:
    async def none_is_held() -> bool:
        return len(engine._leases) == 0

    return none_is_held


async def test_the_doorbell_wakes_it_for_each_row(connection: Any, run_engine: RunEngine) -> None:
    provider = FakeProvider()
    async with run_engine(provider):
        for n in range(3):
            await enqueue(connection, n)
            await poll(sent_all(connection, n + 1))
    assert len(provider.sent) == 3


async def test_a_transaction_that_stays_open_delays_only_its_own_message(
    database: Any, connection: Any, run_engine: RunEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The safety poll and the end of a wait in the lock's queue are an hour away."""
    monkeypatch.setattr(doorbell, "QUEUE_SECONDS", 3600.0)
    stranger = await asyncpg.connect(database.dsn)
    await stranger.execute("begin")
    await enqueue(stranger, 100)
    async with run_engine(FakeProvider()):
        for n in range(3):
            await enqueue(connection, n)
            await poll(sent_all(connection, n + 1))
        await stranger.execute("commit")
        await poll(sent_all(connection, 4))
    await stranger.close()


async def test_a_result_wakes_it_for_the_next_of_an_order_key(connection: Any, run_engine: RunEngine) -> None:
    """Nothing else would: no row is inserted, and the safety poll is an hour away."""
    for n in range(8):
        await enqueue(connection, n, order_key="k")
    provider = FakeProvider()
    async with run_engine(provider):
        await poll(sent_all(connection, 8))
    assert [body.decode().partition("+1202555")[2][:4] for _, body in provider.sent] == [f"{n:04}" for n in range(8)]


async def test_an_attempt_that_was_too_late_is_made_after_the_next_claim(
    connection: Any, run_engine: RunEngine
) -> None:
    message_id, provider = await enqueue(connection), FakeProvider()
    provider.answers.append(Answer(Phase.HELD_BACK, 0.6, error="late"))
    async with run_engine(provider):
        await poll(sent_all(connection, 1))
    rows = await connection.fetch(
        "select a.number, a.outcome from smsgw.outbox as o join smsgw.attempt as a on a.request_id = o.request_id "
        "where o.id = $1",
        message_id,
    )
    assert [tuple(row) for row in rows] == [(1, "accepted")]


async def test_a_crash_in_the_provider_leaves_the_request_to_its_lease(connection: Any, run_engine: RunEngine) -> None:
    class CrashingProvider(FakeProvider):
        async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
            await super().send(request_id, body)
            raise RuntimeError("a bug")

    await enqueue(connection)
    provider = CrashingProvider()
    async with run_engine(provider) as engine:

        async def sent() -> bool:
            return bool(provider.sent)

        await poll(sent)
        await poll(no_lease(engine))
    assert await connection.fetchval("select claim_token is not null from smsgw.request")


async def test_a_crash_before_the_call_stops_the_renewal_of_the_lease(
    connection: Any, run_engine: RunEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.dispatch.suppression_recheck import SuppressionRecheck

    checked = asyncio.Event()

    async def crashes(*_: Any) -> None:
        checked.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(SuppressionRecheck, "block_reason", crashes)
    await enqueue(connection)
    provider = FakeProvider()
    async with run_engine(provider) as engine:
        await asyncio.wait_for(checked.wait(), 120.0)
        await poll(no_lease(engine))
    assert provider.sent == []


async def test_a_stop_waits_for_requests_in_flight(connection: Any, run_engine: RunEngine) -> None:
    call_began, may_answer = asyncio.Event(), asyncio.Event()

    class SlowProvider(FakeProvider):
        async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
            call_began.set()
            await may_answer.wait()
            return await super().send(request_id, body)

    message_id = await enqueue(connection)
    async with run_engine(SlowProvider()) as engine:
        await asyncio.wait_for(call_began.wait(), 120.0)
        engine.stop()
        may_answer.set()
    state = await connection.fetchval("select state from smsgw.message where id = $1", message_id)
    assert state == "accepted"


async def test_an_unanswered_request_is_retried_without_waiting_for_the_poll(
    connection: Any, run_engine: RunEngine
) -> None:
    await enqueue(connection)
    provider = FakeProvider()
    provider.answers.extend([LOST, UNREACHED])
    async with run_engine(provider):
        await poll(sent_all(connection, 1))
    assert len(provider.sent) == 3


async def test_halves_are_sent_at_once(connection: Any, run_engine: RunEngine) -> None:
    for n in range(4):
        await enqueue(connection, n)
    provider = FakeProvider()
    provider.answers.append(status(400))
    async with run_engine(provider, max_recipients=500, concurrency=1):
        await poll(sent_all(connection, 4))
    assert len(provider.sent) == 3
