"""Commit a row, see it delivered: the whole path over processes and sockets."""

import io
import signal
from typing import Any

import aiohttp
from support.processes import SECRET, poll

from gateway.provider.mta.signature import sign

INSERT = "insert into smsgw.outbox (to_number, body) values ('+12025550123', 'hello') returning id"
THOUSAND = """
    insert into smsgw.outbox (to_number, body, reference)
    select '+1202555' || to_char(n, 'FM0000'), 'text ' || n, 'row_' || n from generate_series(1, 1000) as n
"""


async def all_delivered(world: Any, count: int) -> bool:
    return bool(await world.states() == {"delivered": count})


async def test_a_committed_row_is_delivered_and_a_rolled_back_one_never_leaves(world: Any) -> None:
    transaction = world.connection.transaction()
    await transaction.start()
    await world.connection.fetchval(INSERT)
    await transaction.rollback()
    message_id = await world.connection.fetchval(INSERT)
    await poll(lambda: all_delivered(world, 1))
    ledger = await world.ledger()
    assert [(entry["number"], entry["text"], entry["count"]) for entry in ledger] == [("+12025550123", "hello", 1)]
    external_id = await world.connection.fetchval("select external_id from smsgw.message where id = $1", message_id)
    assert ledger[0]["external_id"] == external_id


async def test_a_thousand_rows_of_one_transaction_are_delivered_once_each(world: Any) -> None:
    await world.connection.execute(THOUSAND)
    await poll(lambda: all_delivered(world, 1000))
    ledger = await world.ledger()
    assert len(ledger) == 1000
    assert {entry["count"] for entry in ledger} == {1}
    assert {(entry["number"][-4:], entry["text"]) for entry in ledger} == {
        (f"{n:04}", f"text {n}") for n in range(1, 1001)
    }


async def test_a_daemon_killed_in_the_middle_loses_and_doubles_nothing(world: Any) -> None:
    await world.simulator.change(answer_delay=[0.05, 0.4])
    await world.connection.execute(THOUSAND)

    async def some_left() -> bool:
        return len(await world.ledger()) > 0

    async def all_accepted() -> bool:
        """Receipts that came while the daemon was away are the poller's business."""
        states = await world.states()
        return set(states) <= {"accepted", "delivered"} and sum(states.values()) == 1000

    await poll(some_left, every=0.005)
    await world.gateway.process.stop(signal.SIGKILL)
    await world.restart()
    await poll(all_accepted)
    ledger = await world.ledger()
    assert len(ledger) == 1000
    assert {entry["count"] for entry in ledger} == {1}


async def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_id(world: Any) -> None:
    await world.simulator.change(fail_next=["drop_after"])
    await world.connection.fetchval(INSERT)
    await poll(lambda: all_delivered(world, 1))
    assert [entry["count"] for entry in await world.ledger()] == [1]


async def test_errors_and_limits_of_the_provider_delay_but_lose_nothing(world: Any) -> None:
    await world.simulator.change(fail_next=["500_before", "429", "html_502", "truncated_after", "500_after"])
    for _ in range(5):
        await world.connection.fetchval(INSERT)
    await poll(lambda: all_delivered(world, 5))
    assert {entry["count"] for entry in await world.ledger()} == {1}


async def test_one_poison_number_among_many_fails_alone(world: Any) -> None:
    await world.connection.execute(
        "insert into smsgw.outbox (to_number, body) select '+1202555' || to_char(n, 'FM0000'), 'x' "
        "from generate_series(1, 400) as n"
    )
    await world.connection.execute(
        "insert into smsgw.outbox (to_number, body) values ('+12025559999', repeat('x', 200))"
    )

    async def settled() -> bool:
        return bool(await world.states() == {"delivered": 400, "failed": 1})

    await poll(settled)
    assert {entry["count"] for entry in await world.ledger()} == {1}


async def test_a_stop_drains_what_is_in_the_air(world: Any) -> None:
    await world.simulator.change(answer_delay=[1.0, 1.0])
    await world.connection.fetchval(INSERT)

    async def left() -> bool:
        return bool(await world.ledger())

    await poll(left)
    assert await world.gateway.process.stop() == 0
    assert await world.connection.fetchval("select status::text from smsgw.request") == "accepted"


async def test_the_listener_answers_as_the_contract_says(world: Any) -> None:
    address = f"http://127.0.0.1:{world.gateway.webhook_port}/webhooks/mta/delivery-status"
    body = b'{"externalId": "of somebody else", "status": 4}'
    async with aiohttp.ClientSession() as session:

        async def post(content: bytes, signature: str) -> int:
            async with session.post(address, data=io.BytesIO(content), headers={"X-Signature": signature}) as response:
                return response.status

        assert await post(body, "0" * 64) == 401
        assert await post(b" " * (2 * 1024 * 1024), "0" * 64) == 413
        assert await post(b"not json", sign(SECRET, b"not json")) == 400
        assert await post(body, sign(SECRET, body)) == 200
        assert await post(body, sign(SECRET, body)) == 200
    metrics = await world.gateway.metrics()
    assert 'smsgw_webhook_requests_total{event="delivery-status",result="unauthorized"} 1.0' in metrics
    assert 'smsgw_webhook_requests_total{event="delivery-status",result="repeated"} 1.0' in metrics


async def test_no_log_line_holds_a_number_or_a_text(world: Any) -> None:
    await world.simulator.change(fail_next=["500_after", "402"])
    await world.connection.execute(
        "insert into smsgw.outbox (to_number, body) values ('+12025550177', 'a very private text')"
    )

    async def tried() -> bool:
        return bool(
            await world.connection.fetchval("select count(*) > 0 from smsgw.attempt where finished_at is not null")
        )

    await poll(tried)
    await world.gateway.process.stop()
    log = world.gateway.process.log.read_text()
    assert "claiming" in log
    assert "5550177" not in log
    assert "private" not in log
    assert "simulator-key" not in log
    assert SECRET not in log
