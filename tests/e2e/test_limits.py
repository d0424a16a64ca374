"""Several replicas at once keep the limit, as the provider counts it, and use all of it.

The limiter's rule is burst + rate × (window + margin) ≤ limit (`gateway.domain.token_bucket`). It allows
burst + rate × time in some time. Each long run compares what was claimed with that, by the database's clock, while each
request takes up to 0.3 s longer on its way than another. A long run covers several windows; three of them run side by
side, because they mostly wait.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from support.fleet import FILL, LIMIT, WINDOW, Fleet, Run

from gateway.app.limits import MARGIN, MAX_TRANSIT_DIFFERENCE
from gateway.domain.token_bucket import Bucket

SECONDS = 75.0
REPLICAS = 4
JITTER = 0.3

SCENARIOS: dict[str, tuple[int, dict[str, Any]]] = {
    "one message a request": (5000, {"max_recipients": 1, "parts_per_minute": 0}),
    "a paced line": (5000, {"max_recipients": 500, "parts_per_minute": 1200}),
    "no pace": (60_000, {"max_recipients": 500, "parts_per_minute": 0}),
}
"""How many messages wait, and the settings."""

Clone = Callable[[], Awaitable[str]]


async def play(
    name: str, clone: Clone, folders: pytest.TempPathFactory, *, replicas: int, seconds: float, window: float
) -> Run:
    """Run a scenario with several replicas on a database of its own."""
    messages, settings = SCENARIOS[name]
    async with AsyncExitStack() as stack:
        dsn = await clone()
        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close)
        await connection.execute(FILL, messages)
        fleet = Fleet(stack, folders.mktemp("run"), dsn, connection, window=window)
        await fleet.start(replicas, knobs={"arrival_delay": [0.0, JITTER]}, **settings)
        return await fleet.run(seconds, MARGIN)


def bucket(window: float) -> Bucket:
    return Bucket("requests", 0.0, 0.0, float(LIMIT), window, MARGIN)


def kept(run: Run) -> None:
    """Check that the limit was kept."""
    assert run.claimed <= LIMIT
    assert run.doubled == 0
    # The simulator counts only as exactly as the machine is punctual: if a process stood still for longer than the
    # margin provides for, arrivals of an earlier second are counted together with later ones.
    if run.stalled < MAX_TRANSIT_DIFFERENCE - JITTER:
        assert run.arrived <= LIMIT
        assert run.throttled == 0


async def test_no_window_sees_more_than_the_limit(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A short run: more messages wait than two windows let through."""
    run = await play("one message a request", clone, tmp_path_factory, replicas=2, seconds=6.0, window=3.0)
    kept(run)
    assert run.requests > 0


@pytest.mark.slow("long models")
async def test_the_limit_is_used_to_the_full_and_no_window_saw_more(
    clone: Clone, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One test, so that the runs are made once, whichever worker runs it."""
    found = await asyncio.gather(
        *(play(name, clone, tmp_path_factory, replicas=REPLICAS, seconds=SECONDS, window=WINDOW) for name in SCENARIOS)
    )
    runs = dict(zip(SCENARIOS, found, strict=True))
    print(runs)
    for run in runs.values():
        kept(run)

    def seconds(name: str) -> float:
        # What the machine took away was not the limiter's to use.
        return SECONDS - runs[name].stalls

    single, paced, batched = SCENARIOS
    assert runs[single].requests >= 0.99 * int(1 + bucket(WINDOW).rate * seconds(single))
    assert runs[paced].parts >= 0.99 * seconds(paced) * 1200 / 60
    # How many messages share a request depends on the machine, so `smsgw bench` measures it.
    assert runs[batched].parts > 10 * runs[batched].requests


def test_the_margin_covers_the_jitter_of_these_runs_and_the_rule_leaves_room_for_it() -> None:
    limiter = bucket(WINDOW)
    assert JITTER < MAX_TRANSIT_DIFFERENCE
    assert limiter.burst + limiter.rate * (WINDOW + MARGIN) == pytest.approx(LIMIT)
