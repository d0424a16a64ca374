"""A login code behind a campaign leaves with the next token, whenever it comes."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from support.fleet import FILL, Fleet
from support.outbox import enqueue
from support.processes import poll

FEW, MANY = 10, 50
"""How many codes, in the fast tier and in the slow one."""

OVERTOOK = """
    select a.worker, count(distinct a.started_at) as claims
    from smsgw.attempt as a
    inner join smsgw.request as r on r.id = a.request_id
    where r.lane = 'bulk' and a.started_at > $1 and a.started_at < $2
    group by a.worker
"""
LEFT = """
    select a.started_at
    from smsgw.outbox as o
    inner join smsgw.attempt as a on a.request_id = o.request_id
    where o.id = $1
"""


@pytest.fixture
async def fleet(database: Any, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Nothing runs yet."""
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(database.dsn)
        stack.push_async_callback(connection.close)
        yield Fleet(stack, tmp_path, database.dsn, connection)


@pytest.mark.parametrize(
    ("codes", "waiting"), [(FEW, 20_000), pytest.param(MANY, 200_000, marks=pytest.mark.slow("long models"))]
)
async def test_every_login_code_leaves_with_the_next_token(fleet: Fleet, codes: int, waiting: int) -> None:
    """No claim that began after the code was committed takes a bulk message before it.

    A claim that was under way at that moment may not have seen it: one of each replica, told apart by their attempts,
    which all begin at one moment of the database.
    """
    await fleet.connection.execute(FILL, waiting)
    await fleet.connection.execute("vacuum analyze smsgw.outbox")
    await fleet.start(
        2,
        knobs={"send_limit": 200, "send_window": 15.0},
        request_limit=200, max_recipients=500, parts_per_minute=1200,
    )  # fmt: skip
    await fleet.wait_for_first_attempt()
    rng, waits = random.Random(7), []
    for n in range(codes):
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        message_id = await enqueue(fleet.connection, n, lane="otp")
        committed = await fleet.connection.fetchval("select clock_timestamp()")
        left = await poll(_left(fleet, message_id), every=0.01)
        waits.append((left - committed).total_seconds())
        overtook = await fleet.connection.fetch(OVERTOOK, committed, left)
        assert [row["claims"] for row in overtook if row["claims"] > 1] == []
    print({"codes": len(waits), "median wait": sorted(waits)[codes // 2], "longest": max(waits)})


def _left(fleet: Fleet, message_id: int) -> Callable[[], Awaitable[Any]]:
    return lambda: fleet.connection.fetchval(LEFT, message_id)
