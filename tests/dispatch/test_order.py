"""Messages under one order key: one after another, in the order in which they were inserted, in nobody's way."""

from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, age, enqueue, make_due, state, status

from gateway.dispatch.sweeper import MAX_ORDER_KEYS_PER_STATEMENT, Sweeper

Make = Callable[..., Any]

MANY = """
    insert into smsgw.outbox (to_number, body, tenant, order_key)
    select '+12025550100', 'x', 't', $2 from generate_series(1, $1::int)
"""


def numbers(worker: Any) -> list[str]:
    return [body.decode().partition("+1202555")[2][:4] for _, body in worker.wire.sent]


async def states(connection: Any) -> list[str]:
    return [row["state"] for row in await connection.fetch("select state from smsgw.message order by id")]


async def test_the_second_goes_only_when_the_first_is_accepted(filled: Any, worker: Make) -> None:
    one, other = worker(), worker()
    for n in range(3):
        await enqueue(filled, n, order_key="k")
    first = await one.claim()
    assert await other.claim() == []
    await one.finish(*first)
    second = await other.claim()
    assert [len(second), await one.claim()] == [1, []]
    await other.finish(*second)
    await one.turn()
    assert numbers(one) + numbers(other) == ["0000", "0002", "0001"]
    assert await states(filled) == ["accepted"] * 3


async def test_an_answer_that_is_open_holds_what_is_behind(filled: Any, worker: Make) -> None:
    one = worker()
    one.wire.answers.append(LOST)
    for n in range(2):
        await enqueue(filled, n, order_key="k")
    await one.turn()
    await one.turn()
    assert await states(filled) == ["retrying", "ready"]
    await make_due(filled)
    await one.turn()
    assert await states(filled) == ["accepted"] * 2


@pytest.mark.parametrize("number", [400, 404])
async def test_a_refusal_lets_the_next_go(filled: Any, worker: Make, number: int) -> None:
    one = worker()
    one.wire.answers.append(status(number))
    for n in range(2):
        await enqueue(filled, n, order_key="k")
    await one.turn()
    assert await states(filled) == ["failed", "accepted"]


async def test_one_that_expired_in_between_lets_nobody_past_one_that_is_open(filled: Any, worker: Make) -> None:
    one = worker()
    one.wire.answers.append(LOST)
    await enqueue(filled, 0, order_key="k")
    between = await enqueue(filled, 1, order_key="k")
    await enqueue(filled, 2, order_key="k")
    await one.turn()
    await age(filled, between, 30 * 3600.0)
    await worker().turn()
    assert await states(filled) == ["retrying", "expired", "ready"]
    await make_due(filled)
    await one.turn()
    assert await states(filled) == ["accepted", "expired", "accepted"]


async def test_keys_of_two_tenants_are_two_keys(filled: Any, worker: Make) -> None:
    for tenant in ("a", "b"):
        await enqueue(filled, 1, order_key="k", tenant=tenant)
    assert len(await worker().claim()) == 2


async def test_what_is_behind_stands_aside_once_and_is_walked_over_no_more(filled: Any, worker: Make) -> None:
    one = worker()
    await filled.execute(MANY, 2000, "k")
    plain = await enqueue(filled, 7, tenant="t")
    attempts = await one.claim()
    attempts += await one.claim()
    assert sorted(attempt.recipients for attempt in attempts) == [1, 1]
    assert await state(filled, plain) == "sending"
    assert (
        await filled.fetchval("select count(*) from smsgw.outbox where request_id is null and parked_by is null") == 0
    )
    assert await filled.fetchval("select count(*) from smsgw.message where state = 'ready'") == 1999


async def test_what_stands_aside_expires_all_the_same(filled: Any, worker: Make) -> None:
    one = worker()
    one.wire.answers.append(LOST)
    await enqueue(filled, 0, order_key="k")
    behind = await enqueue(filled, 1, order_key="k")
    await one.turn()
    await age(filled, behind, 30 * 3600.0)
    await worker().turn()
    assert await state(filled, behind) == "expired"


async def test_more_keys_than_one_look_takes_all_have_their_turn(filled: Any, worker: Make) -> None:
    keys = MAX_ORDER_KEYS_PER_STATEMENT + 20
    await filled.execute(
        "insert into smsgw.outbox (to_number, body, order_key, parked_by) "
        "select '+12025550100', 'x', 'key ' || n, 'order_key' from generate_series(1, $1::int) as n",
        keys,
    )
    sweeper = Sweeper(worker().news)
    await sweeper.sweep(filled)
    unparked = await filled.fetchval("select count(*) from smsgw.outbox where parked_by is null")
    assert unparked == MAX_ORDER_KEYS_PER_STATEMENT
    assert sweeper.some_parked_by_order
    await sweeper.sweep(filled)
    assert await filled.fetchval("select count(*) from smsgw.outbox where parked_by is null") == keys


async def test_a_sweeper_with_nothing_behind_asks_only_at_its_beat(filled: Any, worker: Make) -> None:
    sweeper = Sweeper(worker().news, monotonic=lambda: 100.0)
    await sweeper.sweep(filled)
    assert not sweeper.some_parked_by_order


async def test_two_claims_at_once_never_bind_two_of_one_key(filled: Any, worker: Make) -> None:
    import asyncio

    workers = [worker() for _ in range(4)]
    for n in range(40):
        await enqueue(filled, n, order_key=f"k{n % 4}")
    for _ in range(12):
        claimed = await asyncio.gather(*(one.claim() for one in workers))
        open_now = await filled.fetch(
            "select o.order_key, count(*) as n from smsgw.outbox as o join smsgw.request as r on r.id = o.request_id "
            "where r.status = 'in_flight' group by o.order_key"
        )
        assert [row["n"] for row in open_now if row["n"] > 1] == []
        for one, attempts in zip(workers, claimed, strict=True):
            await one.finish(*attempts)
    assert set(await states(filled)) == {"accepted"}
    for key in range(4):
        sent = await filled.fetch(
            "select o.id from smsgw.outbox as o join smsgw.attempt as a on a.request_id = o.request_id "
            "where o.order_key = $1 order by a.started_at",
            f"k{key}",
        )
        assert [row["id"] for row in sent] == sorted(row["id"] for row in sent)
