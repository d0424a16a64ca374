"""Receipts as a provider really sends them: early, late, lost, doubled, foreign; and the one who asks after them."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from support.dropping_proxy import DroppingProxy
from support.processes import SECRET, Gateway, Simulator, free_port, poll

from gateway.provider.mta.signature import sign
from gateway.store.leadership import NAMESPACE, RECONCILE

FAST = {
    "request_limit": 2000, "request_window": "1s", "parts_per_minute": 0, "request_timeout": "5s",
    "send_within": "4s", "lease": "15s",
    "management_limit": 1000,
}  # fmt: skip
KNOBS = {
    "send_limit": 2000, "send_window": 1.0, "messages_per_minute": 1_000_000, "other_limit": 1000,
    "status_delay": [0.0, 0.05],
}  # fmt: skip
FILL = """
    insert into smsgw.outbox (to_number, body)
    select '+1202555' || to_char(n, 'FM0000'), 'text ' || n from generate_series(1, $1::int) as n
"""
LEADER = """
    select l.pid
    from pg_locks as l join pg_database as d on l.database = d.oid
    where d.datname = current_database() and l.locktype = 'advisory' and l.classid = $1 and l.objid = $2 and l.granted
"""


class Stage:
    """Starts what a test asks for and ends it afterwards."""

    def __init__(self, stack: AsyncExitStack, folder: Path, dsn: str, connection: Any) -> None:
        self._stack, self._folder, self._dsn = stack, folder, dsn
        self.connection = connection
        self.simulator: Any = None

    async def provider(self, webhook_port: int, **knobs: Any) -> Simulator:
        self.simulator = await Simulator(self._folder, webhook_port, **(KNOBS | knobs)).start()
        self._stack.push_async_callback(self.simulator.process.stop)
        return self.simulator

    async def gateway(self, port: int, *, name: str = "gateway", **settings: Any) -> Gateway:
        gateway = Gateway(self._folder, self._dsn, self.simulator.base, port, name=name, **(FAST | settings))
        await gateway.start()
        self._stack.push_async_callback(gateway.process.stop)
        return gateway

    async def lossy(self, port: int, target: int, share: float) -> DroppingProxy:
        path = await DroppingProxy(target, share).start(port)
        self._stack.push_async_callback(path.stop)
        return path

    async def states(self) -> dict[str, int]:
        rows = await self.connection.fetch("select state, count(*) as n from smsgw.message group by state")
        return {row["state"]: row["n"] for row in rows}

    async def all_are(self, state: str, count: int) -> bool:
        return await self.states() == {state: count}

    async def fire(self, event: str, payload: dict[str, Any]) -> None:
        address = f"{self.simulator.base}/admin/fire"
        call = {"event": event, "payload": payload}
        async with aiohttp.ClientSession() as session, session.post(address, json=call) as response:
            assert response.status == 200


@pytest.fixture
async def stage(database: Any, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(database.dsn)
        stack.push_async_callback(connection.close)
        yield Stage(stack, tmp_path, database.dsn, connection)


def value(metrics: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith((f"{name} ", f"{name}{{"))
    )


async def test_a_receipt_before_the_answer_and_one_whose_answer_never_comes(stage: Stage) -> None:
    port = free_port()
    await stage.provider(port, answer_delay=[3.0, 3.0], status_delay=[0.0, 0.0], fail_next=["none", "drop_after"])
    await stage.gateway(port)
    await stage.connection.execute(FILL, 1)
    await poll(lambda: stage.all_are("delivered", 1))
    await stage.connection.execute("insert into smsgw.outbox (to_number, body) values ('+12025550199', 'x')")
    await poll(lambda: stage.all_are("delivered", 2))

    async def answered() -> bool:
        open_ones = "select count(*) from smsgw.attempt where finished_at is null"
        return not await stage.connection.fetchval(open_ones)

    await poll(answered)
    ledger = (await stage.simulator.get("ledger"))["entries"]
    assert [entry["count"] for entry in ledger] == [1, 1]
    assert await stage.connection.fetchval("select max(attempts) from smsgw.request") == 1
    assert await stage.connection.fetchval(
        "select (select min(received_at) from smsgw.receipt) < (select min(finished_at) from smsgw.attempt)"
    )


async def test_two_hundred_identical_receipts_and_a_foreign_one_change_nothing(stage: Stage) -> None:
    port = free_port()
    await stage.provider(port)
    gateway = await stage.gateway(port)
    await stage.connection.execute(FILL, 1)
    await poll(lambda: stage.all_are("delivered", 1))
    external_id = await stage.connection.fetchval("select external_id from smsgw.message")
    before = await stage.connection.fetchval("select count(*) from smsgw.receipt")
    foreign = {"externalId": "somebody-elses", "toNumber": "+12025550123", "status": 4}
    body = json.dumps({"externalId": external_id, "toNumber": "+12025550001", "status": 9}).encode()
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            address = f"http://127.0.0.1:{port}/webhooks/mta/delivery-status"
            async with session.post(address, data=body, headers={"X-Signature": sign(SECRET, body)}) as response:
                assert response.status == 200
    await stage.fire("delivery-status", foreign)

    async def applied() -> bool:
        rows = await stage.connection.fetch("select result from smsgw.receipt where applied_at is not null order by id")
        return [row["result"] for row in rows[before:]] == ["conflict", "foreign"]

    await poll(applied)
    assert await stage.states() == {"delivered": 1}
    metrics = await gateway.metrics()
    assert (value(metrics, "smsgw_receipts_foreign_total"), value(metrics, "smsgw_receipt_conflicts_total")) == (1, 1)


async def test_with_webhooks_lost_every_message_reaches_its_true_state_and_corrections_are_exact(stage: Stage) -> None:
    port, listen = free_port(), free_port()
    suffixes = {"7": 9, "8": 8}
    await stage.provider(port, final_by_suffix=suffixes, page_base=1)
    path = await stage.lossy(port, listen, 0.3)
    gateway = await stage.gateway(listen, reconcile_interval="4s")
    await stage.connection.execute(FILL, 250)
    bad = 50
    await poll(lambda: reached(stage, {"delivered": 250 - bad, "undelivered": bad}))
    assert len(path.lost) > 100
    lost = {event["toNumber"] for event in path.lost if event["type"] == "delivery-status" and event["status"] != 3}
    # Where the listing was faster than a webhook, the listing corrected the state and the webhook changed nothing.
    applied = await stage.connection.fetch(
        "select number, source from smsgw.receipt where result = 'applied' and delivery_status <> 'sent'"
    )
    corrected = [row["number"] for row in applied if row["source"] == "poll"]
    assert len({row["number"] for row in applied}) == len(applied) == 250
    assert set(corrected) >= lost

    async def counted() -> bool:
        return value(await gateway.metrics(), "smsgw_reconcile_corrections_total") == len(corrected)

    await poll(counted)
    wrong = await stage.connection.fetchval(
        "select count(*) from smsgw.message where (state = 'undelivered') <> (right(to_number, 1) in ('7', '8'))"
    )
    assert wrong == 0
    assert await stage.connection.fetchval("select sum(pending_receipts) from smsgw.request") == 0


async def reached(stage: Stage, wanted: dict[str, int]) -> bool:
    return await stage.states() == wanted


async def test_what_is_uncertain_is_found_in_the_listing_and_never_sent_again(stage: Stage) -> None:
    port, listen = free_port(), free_port()
    await stage.provider(port, fail_next=["drop_after"])
    await stage.lossy(port, listen, 1.0)
    await stage.gateway(listen, reconcile_interval="2s", idempotency_horizon="6s")
    await stage.connection.execute(FILL, 1)
    await stage.connection.execute("update smsgw.request set status = 'uncertain' where status = 'in_flight'")
    await poll(lambda: stage.all_are("delivered", 1))
    ledger = (await stage.simulator.get("ledger"))["entries"]
    assert [entry["count"] for entry in ledger] == [1]


async def test_when_the_one_who_asks_dies_another_takes_over(stage: Stage) -> None:
    port, listen = free_port(), free_port()
    await stage.provider(port)
    await stage.lossy(port, listen, 1.0)
    leader = await stage.gateway(listen, reconcile_interval="1s")
    await poll(lambda: stage.connection.fetchval(LEADER, NAMESPACE, RECONCILE))
    held_by = await stage.connection.fetchval(LEADER, NAMESPACE, RECONCILE)
    await stage.gateway(free_port(), name="second", reconcile_interval="1s")
    assert await stage.connection.fetchval(LEADER, NAMESPACE, RECONCILE) == held_by
    await leader.process.stop(signal.SIGKILL)

    async def taken_over() -> bool:
        return await stage.connection.fetchval(LEADER, NAMESPACE, RECONCILE) not in (None, held_by)

    await poll(taken_over)
    await stage.connection.execute(FILL, 3)
    await poll(lambda: stage.all_are("delivered", 3))
