"""Messages with one order key: one after another, in insert order, without delaying others."""

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
    return [body.decode().partition("+1202555")[2][:4] for _, body in worker.provider.sent]


async def states(connection: Any) -> list[str]:
    return [row["state"] for row in await connection.fetch("select state from smsgw.message order by id")]


async def test_the_second_is_sent_only_when_the_first_is_accepted(db: Any, worker: Make) -> None:
    one, other = worker(), worker()
    for n in range(3):
        await enqueue(db, n, order_key="k")
    first = await one.claim()
    assert await other.claim() == []
    await one.complete(*first)
    second = await other.claim()
    assert [len(second), await one.claim()] == [1, []]
    await other.complete(*second)
    await one.send_all()
    assert numbers(one) + numbers(other) == ["0000", "0002", "0001"]
    assert await states(db) == ["accepted"] * 3


async def test_an_unknown_outcome_keeps_the_next_parked(db: Any, worker: Make) -> None:
    one = worker()
    one.provider.answers.append(LOST)
    for n in range(2):
        await enqueue(db, n, order_key="k")
    await one.send_all()
    await one.send_all()
    assert await states(db) == ["retrying", "ready"]
    await make_due(db)
    await one.send_all()
    assert await states(db) == ["accepted"] * 2


@pytest.mark.parametrize("number", [400, 404])
async def test_a_refusal_unparks_the_next(db: Any, worker: Make, number: int) -> None:
    one = worker()
    one.provider.answers.append(status(number))
    for n in range(2):
        await enqueue(db, n, order_key="k")
    await one.send_all()
    assert await states(db) == ["failed", "accepted"]


async def test_an_expired_message_does_not_let_the_next_overtake(db: Any, worker: Make) -> None:
    one = worker()
    one.provider.answers.append(LOST)
    await enqueue(db, 0, order_key="k")
    between = await enqueue(db, 1, order_key="k")
    await enqueue(db, 2, order_key="k")
    await one.send_all()
    await age(db, between, 30 * 3600.0)
    await worker().send_all()
    assert await states(db) == ["retrying", "expired", "ready"]
    await make_due(db)
    await one.send_all()
    assert await states(db) == ["accepted", "expired", "accepted"]


async def test_the_same_order_key_of_two_tenants_is_two_keys(db: Any, worker: Make) -> None:
    for tenant in ("a", "b"):
        await enqueue(db, 1, order_key="k", tenant=tenant)
    assert len(await worker().claim()) == 2


async def test_ordered_messages_are_parked_once_and_not_scanned_again(db: Any, worker: Make) -> None:
    one = worker()
    await db.execute(MANY, 2000, "k")
    plain = await enqueue(db, 7, tenant="t")
    attempts = await one.claim()
    attempts += await one.claim()
    assert sorted(attempt.recipients for attempt in attempts) == [1, 1]
    assert await state(db, plain) == "sending"
    assert await db.fetchval("select count(*) from smsgw.outbox where request_id is null and parked_by is null") == 0
    assert await db.fetchval("select count(*) from smsgw.message where state = 'ready'") == 1999


async def test_a_parked_message_still_expires(db: Any, worker: Make) -> None:
    one = worker()
    one.provider.answers.append(LOST)
    await enqueue(db, 0, order_key="k")
    behind = await enqueue(db, 1, order_key="k")
    await one.send_all()
    await age(db, behind, 30 * 3600.0)
    await worker().send_all()
    assert await state(db, behind) == "expired"


async def test_more_order_keys_than_one_statement_takes_are_all_unparked(db: Any, worker: Make) -> None:
    keys = MAX_ORDER_KEYS_PER_STATEMENT + 20
    await db.execute(
        "insert into smsgw.outbox (to_number, body, order_key, parked_by) "
        "select '+12025550100', 'x', 'key ' || n, 'order_key' from generate_series(1, $1::int) as n",
        keys,
    )
    sweeper = Sweeper(worker().observer)
    await sweeper.sweep(db)
    unparked = await db.fetchval("select count(*) from smsgw.outbox where parked_by is null")
    assert unparked == MAX_ORDER_KEYS_PER_STATEMENT
    assert sweeper.some_parked_by_order
    await sweeper.sweep(db)
    assert await db.fetchval("select count(*) from smsgw.outbox where parked_by is null") == keys


async def test_a_sweeper_with_nothing_parked_knows_it(db: Any, worker: Make) -> None:
    sweeper = Sweeper(worker().observer, monotonic=lambda: 100.0)
    await sweeper.sweep(db)
    assert not sweeper.some_parked_by_order


async def test_concurrent_claims_never_take_two_messages_of_one_order_key(db: Any, worker: Make) -> None:
    import asyncio

    workers = [worker() for _ in range(4)]
    for n in range(40):
        await enqueue(db, n, order_key=f"k{n % 4}")
    for _ in range(12):
        claimed = await asyncio.gather(*(one.claim() for one in workers))
        open_now = await db.fetch(
            "select o.order_key, count(*) as n from smsgw.outbox as o join smsgw.request as r on r.id = o.request_id "
            "where r.status = 'in_flight' group by o.order_key"
        )
        assert [row["n"] for row in open_now if row["n"] > 1] == []
        for one, attempts in zip(workers, claimed, strict=True):
            await one.complete(*attempts)
    assert set(await states(db)) == {"accepted"}
    for key in range(4):
        sent = await db.fetch(
            "select o.id from smsgw.outbox as o join smsgw.attempt as a on a.request_id = o.request_id "
            "where o.order_key = $1 order by a.started_at",
            f"k{key}",
        )
        assert [row["id"] for row in sent] == sorted(row["id"] for row in sent)
