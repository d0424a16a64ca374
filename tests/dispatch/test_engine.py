"""The wheel as a whole: claim, send, finish, rest, and what happens when a part of it breaks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.outbox import LOST, UNREACHED, enqueue, status
from support.processes import poll
from support.workers import News, Wire

from gateway.app.dispatch import build_engine
from gateway.dispatch.engine import Engine
from gateway.domain.outcome import Answer, Phase
from gateway.settings import Settings

Turning = Callable[..., Any]


@pytest.fixture
def turning(pool: Any, database: Any) -> Turning:
    """Run an engine on the test's database for the length of a context; its safety poll is an hour away."""

    @asynccontextmanager
    async def run(wire: Wire, **changes: Any) -> AsyncIterator[Engine]:
        settings = Settings(_env_file=None, **({"request_limit": 10_000, "request_window": 1.0, "request_spare": 0,  # type: ignore[call-arg]
            "parts_per_minute": 0, "poll_interval": 3600.0, "max_recipients": 1} | changes))  # fmt: skip
        news: Any = News()
        engine = build_engine(
            settings, pool, wire, news, dsn=database.dsn, worker="w"  # type: ignore[arg-type]
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


async def test_the_doorbell_wakes_it_for_each_row(connection: Any, turning: Turning) -> None:
    wire = Wire()
    async with turning(wire):
        for n in range(3):
            await enqueue(connection, n)
            await poll(sent_all(connection, n + 1))
    assert len(wire.sent) == 3


async def test_a_result_wakes_it_for_what_was_behind(connection: Any, turning: Turning) -> None:
    """Nothing else would: no row is inserted, and the poll is an hour away."""
    for n in range(8):
        await enqueue(connection, n, order_key="k")
    wire = Wire()
    async with turning(wire):
        await poll(sent_all(connection, 8))
    assert [body.decode().partition("+1202555")[2][:4] for _, body in wire.sent] == [f"{n:04}" for n in range(8)]


async def test_what_was_held_back_at_the_last_moment_goes_with_its_next_claim(
    connection: Any, turning: Turning
) -> None:
    message_id, wire = await enqueue(connection), Wire()
    wire.answers.append(Answer(Phase.HELD_BACK, 0.6, error="late"))
    async with turning(wire):
        await poll(sent_all(connection, 1))
    rows = await connection.fetch(
        "select a.number, a.outcome from smsgw.outbox as o join smsgw.attempt as a on a.request_id = o.request_id "
        "where o.id = $1",
        message_id,
    )
    assert [tuple(row) for row in rows] == [(1, "accepted")]


async def test_a_provider_that_breaks_leaves_the_request_to_its_lease(connection: Any, turning: Turning) -> None:
    class Broken(Wire):
        async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
            await super().send(request_id, body)
            raise RuntimeError("a bug")

    await enqueue(connection)
    wire = Broken()
    async with turning(wire) as engine:

        async def sent() -> bool:
            return bool(wire.sent)

        await poll(sent)
        await asyncio.wait_for(engine._leases.idle.wait(), 30.0)
    assert await connection.fetchval("select claim_token is not null from smsgw.request")


async def test_a_look_before_the_wire_that_breaks_keeps_no_lease_for_ever(
    connection: Any, turning: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.dispatch.suppression_recheck import SuppressionRecheck

    looked = asyncio.Event()

    async def breaks(*_: Any) -> None:
        looked.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(SuppressionRecheck, "block_reason", breaks)
    await enqueue(connection)
    wire = Wire()
    async with turning(wire) as engine:
        await asyncio.wait_for(looked.wait(), 30.0)
        await asyncio.wait_for(engine._leases.idle.wait(), 30.0)
    assert wire.sent == []


async def test_a_stop_waits_for_what_is_in_the_air(connection: Any, turning: Turning) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Wire):
        async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
            begun.set()
            await go_on.wait()
            return await super().send(request_id, body)

    message_id = await enqueue(connection)
    async with turning(Slow()) as engine:
        await asyncio.wait_for(begun.wait(), 30.0)
        engine.stop()
        go_on.set()
    state = await connection.fetchval("select state from smsgw.message where id = $1", message_id)
    assert state == "accepted"


async def test_an_open_result_is_tried_again_without_waiting_for_the_poll(connection: Any, turning: Turning) -> None:
    await enqueue(connection)
    wire = Wire()
    wire.answers.extend([LOST, UNREACHED])
    async with turning(wire):
        await poll(sent_all(connection, 1))
    assert len(wire.sent) == 3


async def test_halves_go_at_once(connection: Any, turning: Turning) -> None:
    for n in range(4):
        await enqueue(connection, n)
    wire = Wire()
    wire.answers.append(status(400))
    async with turning(wire, max_recipients=500, concurrency=1):
        await poll(sent_all(connection, 4))
    assert len(wire.sent) == 3
