"""Two workers, a provider that forgets and fails, and every order of claim, attempt, crash, retry and completion.

In every case nothing is sent twice, nothing is lost, and no state contradicts what the provider did. The fast tier
makes a few runs, the slow tier as many as `SMSGW_MODEL_RUNS`. Ten thousand take a quarter of an hour.
"""

import asyncio
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.outbox import ACCEPTED, LOST, UNREACHED, status
from support.receipts import parse
from support.workers import Worker, make_worker

from gateway.domain.message import Message
from gateway.domain.outcome import Answer, Classification, HeldBack, History
from gateway.provider.mta.classify import classify
from gateway.provider.mta.request import BATCH_RULES, encode
from gateway.receipts.applier import ReceiptApplier
from gateway.store import receipts
from gateway.store.pool import Pool, open_pool

FAST_RUNS = 30
SLOW_RUNS = int(os.environ.get("SMSGW_MODEL_RUNS", "400"))
LEASE, HORIZON = 60.0, 600.0
MEMORY = HORIZON
"""The provider forgets an id as early as it may. A retry that came later would be a second copy."""

BEHAVIOURS = (
    "ok", "taken_then_lost", "lost", "unreached", "throttled", "taken_then_500", "500", "refused", "blocked",
    "no_recipient",
)  # fmt: skip

STEP = st.one_of(
    st.tuples(st.just("insert"), st.integers(1, 4), st.sampled_from(["bulk", "default", "otp"])),
    st.tuples(st.just("insert_in_order"), st.integers(2, 3), st.sampled_from(["bulk", "otp"])),
    st.tuples(st.just("claim"), st.integers(0, 1), st.integers(1, 3)),
    st.tuples(st.just("send"), st.integers(0, 1), st.sampled_from(BEHAVIOURS)),
    st.tuples(st.just("finish"), st.integers(0, 1), st.none()),
    st.tuples(st.just("crash"), st.integers(0, 1), st.none()),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 61.0, 301.0, 1000.0]), st.none()),
    st.tuples(st.just("receipt"), st.integers(0, 9), st.sampled_from([3, 4, 9])),
)


MOVED = {
    "request": ("available_at", "lease_expires_at", "maybe_arrived_at"),
    "outbox": ("created_at", "not_before", "expires_at"),
    "bucket": ("counted_at", "blocked_until", "throttled_at"),
    "route": ("opened_at", "retry_at"),
    "attempt": ("started_at",),
}
"""The columns that hold a time. Time passes by moving them back."""

PASS_TIME = "; ".join(
    f"update smsgw.{table} set " + ", ".join(f"{column} = {column} - $1" for column in columns)
    for table, columns in MOVED.items()
)


@dataclass
class Provider:
    """Accepts a request once, and remembers its id for a while."""

    route: str = "mta"
    now: float = 1000.0
    behaviour: str = "ok"
    taken: dict[str, float] = field(default_factory=dict)
    ledger: list[tuple[str, str]] = field(default_factory=list)
    no_recipient: set[str] = field(default_factory=set)
    """Numbers in requests that were accepted and sent to no recipient. If that answer is lost, it cannot be known."""

    def encode(self, messages: Any, *, external_id: str) -> bytes:
        found: list[Message] = list(messages)
        return encode(found, external_id=external_id, default_sender=1)

    batch_rules = BATCH_RULES

    def classify(self, answer: Answer, history: History) -> Classification:
        return classify(answer, history)

    def sender(self, sender_id: int | None) -> int | None:
        return sender_id or 1

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        if self.behaviour == "unreached":
            return UNREACHED
        if self.behaviour == "lost":
            return LOST
        if self.now - self.taken.get(request_id, -MEMORY) < MEMORY:
            return LOST if self.behaviour == "taken_then_lost" else status(409)
        match self.behaviour:
            case "throttled":
                return status(429, retry_after=1.0)
            case "500":
                return status(500)
            case "refused":
                return status(400)
            case "blocked":
                return status(402)
        self.taken[request_id] = self.now
        content = json.loads(body)
        if self.behaviour == "no_recipient":
            self.no_recipient |= set(content["subscribers"])
            return status(200, total_sent=0)
        self.ledger += [(content["externalId"], number) for number in content["subscribers"]]
        return {"ok": ACCEPTED, "taken_then_lost": LOST, "taken_then_500": status(500)}[self.behaviour]


class World:
    """The database, the provider and two workers."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.provider = Provider()
        self.numbers = 0
        self.workers = [self._worker(), self._worker()]
        self.in_flight: list[list[Any]] = [[], []]
        self.answered: list[list[Any]] = [[], []]

    def _worker(self) -> Worker:
        return make_worker(
            self.pool, self.provider, lease=LEASE, horizon=HORIZON, recipients=3, monotonic=lambda: self.provider.now
        )

    async def step(self, what: str, first: Any, second: Any) -> None:
        match what:
            case "insert":
                await self._insert(first, second, None)
            case "insert_in_order":
                await self._insert(first, second, "key")
            case "claim":
                self.in_flight[first] += (await self.workers[first].claimer.claim(second, idle=True)).attempts
            case "send" if self.in_flight[first]:
                await self._send(first, second)
            case "finish":
                await self._finish(first)
            case "crash":
                self.workers[first], self.in_flight[first], self.answered[first] = self._worker(), [], []
            case "pass":
                await self._pass_time(first)
            case "receipt" if self.provider.ledger:
                await self._receipt(*self.provider.ledger[first % len(self.provider.ledger)], second)

    async def _insert(self, count: int, lane: str, order_key: str | None) -> None:
        self.numbers += count
        await self.pool.execute(
            "insert into smsgw.outbox (to_number, body, lane, expires_at, order_key) "
            "select '+1202' || 5550000 + n, 'x', $1, now() + interval '20 minutes', $4::text "
            "from generate_series($2::int, $3::int) as n",
            lane, self.numbers - count, self.numbers - 1, order_key,
        )  # fmt: skip

    async def _send(self, index: int, behaviour: str) -> None:
        worker, attempt = self.workers[index], self.in_flight[index].pop(0)
        if worker.block_reason(attempt):
            worker.completer.release(attempt, HeldBack.EXPIRED)
            return
        self.provider.behaviour = behaviour
        self.answered[index].append(await worker.sender.send(attempt, attempt.claimed_at + worker.lease))

    async def _finish(self, index: int) -> None:
        for attempted in self.answered[index]:
            self.workers[index].completer.put(attempted)
        self.answered[index] = []
        self.workers[index].completer.stop()
        await self.workers[index].completer.run()

    async def _pass_time(self, seconds: float) -> None:
        """Let time pass: for the workers by their clock, for the rows by their columns."""
        self.provider.now += seconds
        await self.pool.execute(PASS_TIME.replace("$1", f"interval '{seconds} seconds'"))

    async def _receipt(self, external_id: str, number: str, code: int) -> None:
        body = json.dumps({"externalId": external_id, "toNumber": number, "status": code}).encode()
        await receipts.journal(self.pool, [parse(body, "delivery-status")])
        await ReceiptApplier(self.pool).apply_some()

    async def run_to_the_end(self) -> None:
        """Complete everything with a provider that works again, until nothing is open."""
        for index in (0, 1):
            await self._finish(index)
            await self.step("crash", index, None)
        for _ in range(60):
            await self.pool.execute("delete from smsgw.pause")
            await self._pass_time(61.0)
            worker = self._worker()
            for attempt in (await worker.claimer.claim(10)).attempts:
                self.provider.behaviour = "ok"
                worker.completer.put(await worker.sender.send(attempt, attempt.claimed_at + worker.lease))
            worker.completer.stop()
            await worker.completer.run()
            if not await self.pool.fetchval(
                "select exists (select from smsgw.message as m join smsgw.outbox as o on o.id = m.id "
                "where m.state in ('ready', 'sending', 'retrying', 'held') "
                "and (o.order_key is null or smsgw.is_head_of_order_key(o.tenant, o.order_key, o.id)))"
            ):
                return
        raise AssertionError("something never became final")

    async def check(self) -> None:
        sent = Counter(number for _, number in self.provider.ledger)
        assert not [number for number, times in sent.items() if times > 1], "sent twice"
        rows = await self.pool.fetch(
            "select m.to_number, m.state, m.reason, o.order_key from smsgw.message as m "
            "join smsgw.outbox as o on o.id = m.id order by m.id"
        )
        assert len(rows) == self.numbers, "lost"
        in_order = [row["to_number"] for row in rows if row["order_key"] is not None]
        arrived = [number for _, number in self.provider.ledger if number in in_order]
        assert arrived == sorted(arrived), "overtaken"
        open_before = False
        for row in rows:
            found = (row["state"], row["reason"])
            if row["order_key"] is not None and row["state"] == "ready":
                assert open_before, found
                continue
            open_before = open_before or (row["order_key"] is not None and row["state"] == "uncertain")
            assert row["state"] in {
                "accepted", "delivered", "undelivered", "failed", "expired", "uncertain",
            }, found  # fmt: skip
            if row["state"] in {"failed", "expired"}:
                assert not sent[row["to_number"]], found
            if row["state"] in {"accepted", "delivered", "undelivered"}:
                assert sent[row["to_number"]] or row["to_number"] in self.provider.no_recipient, found


EMPTY = """
    delete from smsgw.attempt; delete from smsgw.request; delete from smsgw.outbox; delete from smsgw.receipt;
    delete from smsgw.pause; delete from smsgw.route; delete from smsgw.fair_share; delete from smsgw.bucket;
    insert into smsgw.bucket (name, kind, allowance, period, reserves)
    values ('mta:requests', 'window', 100000, 1, false)
"""


async def live(pool: Pool, steps: list[tuple[str, Any, Any]]) -> None:
    await pool.execute(EMPTY)
    world = World(pool)
    for step in steps:
        await world.step(*step)
    await world.run_to_the_end()
    await world.check()


@pytest.mark.parametrize("runs", [FAST_RUNS, pytest.param(SLOW_RUNS, marks=pytest.mark.slow("long models"))])
def test_nothing_is_lost_and_nothing_is_sent_twice(database: Any, runs: int) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database.dsn, purpose="model", max_size=2))

        @settings(max_examples=runs, suppress_health_check=list(HealthCheck), database=None)
        @given(st.lists(STEP, min_size=5, max_size=40))
        def run(steps: list[tuple[str, Any, Any]]) -> None:
            runner.run(live(pool, steps))

        try:
            run()
        finally:
            runner.run(pool.close())
