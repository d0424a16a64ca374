"""The limit, kept by several replicas at once and used to the full, as the provider counts it.

The limiter's rule is burst + rate × (window + margin) ≤ limit (`gateway.domain.token_bucket`). What it allows in some
time is burst + rate × time; each run here compares what was claimed with that, by the database's clock, while every
request takes up to 0.3 s longer on its way than another. A run is as long as several windows. Three of them go side by
side, for they wait far more than they work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from support.fleet import FILL, LIMIT, WINDOW, Fleet, Run

from gateway.app.limits import JOURNEY, MARGIN
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


@pytest.fixture
def runs(clone: Callable[[], Awaitable[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """What each scenario showed."""

    async def one(name: str) -> Run:
        messages, settings = SCENARIOS[name]
        async with AsyncExitStack() as stack:
            dsn = await clone()
            connection = await asyncpg.connect(dsn)
            stack.push_async_callback(connection.close)
            await connection.execute(FILL, messages)
            fleet = Fleet(stack, tmp_path_factory.mktemp("run"), dsn, connection)
            await fleet.start(REPLICAS, knobs={"arrival_delay": [0.0, JITTER]}, **settings)
            return await fleet.run(SECONDS, MARGIN)

    async def all_at_once() -> dict[str, Run]:
        found = await asyncio.gather(*(one(name) for name in SCENARIOS))
        return dict(zip(SCENARIOS, found, strict=True))

    found = asyncio.run(all_at_once())
    print(found)
    return found


def allowed(seconds: float) -> int:
    """Return what the rule lets through from the moment of the first token on, when the bucket was empty before."""
    return int(1 + Bucket("requests", 0.0, 0.0, float(LIMIT), WINDOW, MARGIN).rate * seconds)


def test_the_limit_is_used_to_the_full_and_no_window_saw_more(runs: dict[str, Run]) -> None:
    """One test, so that the runs are made once, whatever worker it is on."""
    for run in runs.values():
        assert run.claimed <= LIMIT
        assert run.doubled == 0
        # What the simulator counts is only as exact as the machine is punctual: a process that stood still for longer
        # than the margin provides for counts a past second's arrivals together.
        if run.stalled < JOURNEY - JITTER:
            assert run.arrived <= LIMIT
            assert run.throttled == 0
    assert runs["one message a request"].requests >= 0.99 * allowed(SECONDS)
    assert runs["a paced line"].parts >= 0.99 * SECONDS * 1200 / 60
    assert runs["no pace"].parts >= SECONDS / 60 * 20_000


def test_the_margin_covers_the_jitter_of_these_runs_and_the_rule_leaves_room_for_it() -> None:
    bucket = Bucket("requests", 0.0, 0.0, float(LIMIT), WINDOW, MARGIN)
    assert JITTER < JOURNEY
    assert bucket.burst + bucket.rate * (WINDOW + MARGIN) == pytest.approx(LIMIT)
