"""The last checks before a call, what is not held during it, and what a worker that lost its lease cannot do."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from support.outbox import ACCEPTED, LOST, enqueue, make_due, state
from support.processes import poll
from support.receipts import parse
from support.workers import CountingObserver, FakeProvider

from gateway.app.dispatch import build_engine
from gateway.dispatch.budget import Limits
from gateway.dispatch.engine import Engine
from gateway.dispatch.suppression_recheck import SuppressionRecheck
from gateway.domain.outcome import Answer, HeldBack
from gateway.receipts.applier import ReceiptApplier
from gateway.settings import Settings
from gateway.store import claims, receipts, suppressions
from gateway.store.buckets import Limit
from gateway.store.pool import Pool

Make = Callable[..., Any]

BLOCKED = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"
STOP = "insert into smsgw.suppression (number, source) values ('+12025550123', 'reply')"
OPEN_TRANSACTIONS = (
    "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
    "and xact_start is not null"
)


@pytest.fixture
def rechecks(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Record the numbers of each recheck of the suppression list."""
    recorded_numbers: list[set[str]] = []
    among = suppressions.among

    async def recorded(connection: Any, numbers: Any) -> frozenset[str]:
        recorded_numbers.append(set(numbers))
        return await among(connection, numbers)

    monkeypatch.setattr(suppressions, "among", recorded)
    return recorded_numbers


def engine_on(database: Any, pool: Pool, provider: Any) -> Engine:
    """Return the engine as the daemon builds it, with one request in flight at a time."""
    observer: Any = CountingObserver()
    settings = Settings(_env_file=None, concurrency=1, send_within=60.0, lease=120.0)
    return build_engine(settings, pool, provider, observer, dsn=database.dsn, worker="w")


async def run_until(engine: Engine, happened: "asyncio.Future[Any]") -> Any:
    """Run the engine until the future is done, then stop it; return the result of the future."""
    running = asyncio.create_task(engine.run())
    try:
        await asyncio.wait({running, happened}, return_when=asyncio.FIRST_COMPLETED, timeout=60.0)
    finally:
        engine.stop()
        await running
    assert happened.done(), "the engine stopped before it happened"
    return happened.result()


async def test_no_transaction_and_no_lock_is_held_during_the_call(database: Any, db: Any, pool: Pool) -> None:
    await enqueue(db)
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class WatchingProvider(FakeProvider):
        async def send(self, request_id: str, body: bytes, **_: Any) -> Answer:
            # The engine may do only one request at a time, so other transactions that it began will end. A transaction
            # that stays open is held across the call. Postgres would end it after IDLE_IN_TRANSACTION_TIMEOUT, 15 s.
            observer_connection: Any = await asyncpg.connect(database.dsn)
            for _ in range(200):
                held = await observer_connection.fetchval(OPEN_TRANSACTIONS)
                if not held:
                    break
                await asyncio.sleep(0.05)
            await observer_connection.close()
            found.set_result(held)
            return ACCEPTED

    assert await run_until(engine_on(database, pool, WatchingProvider()), found) == 0


async def test_an_opt_out_before_a_delayed_call_is_respected(
    database: Any, db: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id, provider = await enqueue(db), FakeProvider()
    engine = engine_on(database, pool, provider)
    claim, finished = engine._claimer.claim, asyncio.get_running_loop().create_future()

    async def delayed_claim(*args: Any, **kwargs: Any) -> Any:
        claimed = await claim(*args, **kwargs)
        if claimed.attempts:
            await db.execute(STOP)
            await asyncio.sleep(0.05)
        elif not finished.done() and (provider.sent or await state(db, message_id) == "suppressed"):
            finished.set_result(None)
        return claimed

    monkeypatch.setattr(engine._claimer, "claim", delayed_claim)
    await run_until(engine, finished)
    assert provider.sent == []
    assert await state(db, message_id) == "suppressed"


async def test_delayed_requests_of_a_claim_are_rechecked_together(
    db: Any, pool: Pool, worker: Make, rechecks: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 126):
        await enqueue(db, number)
    attempts = await one.claim(50)
    await db.execute(STOP)
    now += 0.03
    answers = await asyncio.gather(*(recheck.block_reason(attempt) for attempt in attempts))
    stopped = {attempt.messages[0].recipient.number: why for attempt, why in zip(attempts, answers, strict=True)}
    assert stopped == {"+12025550123": "suppressed", "+12025550124": None, "+12025550125": None}
    assert rechecks == [set(stopped)]


async def test_a_request_that_is_sent_at_once_is_not_rechecked(
    db: Any, pool: Pool, worker: Make, rechecks: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now), SuppressionRecheck(pool, monotonic=lambda: now)
    await enqueue(db)
    (attempt,) = await one.claim()
    now += 0.01
    assert await recheck.block_reason(attempt) is None
    assert rechecks == []


async def test_a_request_that_is_delayed_longer_is_rechecked_on_its_own(
    db: Any, pool: Pool, worker: Make, rechecks: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 125):
        await enqueue(db, number)
    quick, slow = sorted(await one.claim(50), key=lambda attempt: attempt.messages[0].recipient.number, reverse=True)
    now += 0.03
    assert await recheck.block_reason(quick) is None
    await db.execute(STOP)
    assert await recheck.block_reason(slow) == "suppressed"
    assert len(rechecks) == 2


async def test_a_cancelled_attempt_does_not_cancel_the_recheck_of_others(db: Any, pool: Pool, worker: Make) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 125):
        await enqueue(db, number)
    attempts = await one.claim(50)
    now += 0.03
    first, second = [asyncio.create_task(recheck.block_reason(attempt)) for attempt in attempts]
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None


async def test_the_time_to_live_is_checked_again_before_the_call(db: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now, lease=600.0)
    await db.execute("update smsgw.lane set ttl = interval '3 seconds' where name = 'otp'")
    await enqueue(db, lane="otp")
    (attempt,) = await one.claim()
    assert one.block_reason(attempt) is None
    now += 3.0
    assert one.block_reason(attempt) == "expired"


async def test_stale_tokens_are_not_used(db: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now)
    await enqueue(db)
    (attempt,) = await one.claim()
    now += 5.1
    assert one.block_reason(attempt) == "tokens_stale"


async def test_no_call_begins_that_could_outlast_its_lease(db: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now, lease=5.5)
    await enqueue(db)
    (attempt,) = await one.claim()
    now += 4.6
    assert one.block_reason(attempt) == "lease_too_short"


async def test_a_claim_waits_for_the_tokens_of_another_claim(database: Any, db: Any, worker: Make) -> None:
    one = worker(limit=2, window=3600.0)
    await enqueue(db, 1)
    await one.claim(1)  # configures the bucket, so that the claim below waits only for its tokens
    await db.execute("update smsgw.bucket set spent_bounds = '{}', spent_urgent = '{}', spent_others = '{}'")
    await enqueue(db, 2)
    other: Any = await asyncpg.connect(database.dsn)
    try:
        taking = other.transaction()
        await taking.start()
        await other.execute("select from smsgw.take_tokens('mta:requests', '{}', '{}', 2, 2, 10)")
        claiming = asyncio.create_task(one.claim())
        await poll(lambda: other.fetchval(BLOCKED))
        await taking.commit()
        assert await claiming == []
    finally:
        await other.close()


async def test_tokens_spent_by_one_claim_are_gone_for_the_next(db: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    for each in (one, other):
        # A window of an hour: no token is added while the test runs, however slow the machine.
        each.claimer.change_limits(Limits("mta", Limit("mta:requests", 2.0, 3600.0)))
    for number in range(10):
        await enqueue(db, number)
    assert len(await one.claim(50)) == 2
    assert await other.claim(50) == []


async def test_a_worker_that_lost_its_lease_releases_nothing(db: Any, worker: Make) -> None:
    message_id, slow, other = await enqueue(db), worker(), worker()
    late = await slow.claim()
    await make_due(db)
    again = await other.claim()
    slow.completer.release(late[0], HeldBack.EXPIRED)
    await slow.complete()
    assert await state(db, message_id) == "sending"
    await other.complete(*again)
    assert await state(db, message_id) == "accepted"


async def test_a_worker_that_lost_its_lease_renews_nothing(db: Any, worker: Make) -> None:
    await enqueue(db)
    (late,) = await worker().claim()
    await make_due(db)
    (again,) = await worker().claim()
    assert await claims.renew_leases(db, [(late.request_id, late.claim_token)], 600.0) == set()
    assert await claims.renew_leases(db, [(again.request_id, again.claim_token)], 600.0) == {again.request_id}


async def test_two_claims_never_share_a_token(db: Any, worker: Make) -> None:
    tokens = set()
    for number in range(3):
        await enqueue(db, number)
        tokens |= {attempt.claim_token for attempt in await worker().claim()}
    assert len(tokens) == 3


async def test_a_released_message_is_sent_by_the_next_claim(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    (attempt,) = await one.claim()
    one.completer.release(attempt, HeldBack.EXPIRED)
    await one.complete()
    other = worker()
    await other.send_all()
    assert len(other.provider.sent) == 1
    assert await state(db, message_id) == "accepted"


async def test_a_lost_answer_does_not_undo_an_earlier_receipt(db: Any, pool: Pool, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(LOST)
    (attempt,) = await one.claim()
    external_id = await db.fetchval("select external_id from smsgw.request")
    body = f'{{"externalId": "{external_id}", "toNumber": "+12025550123", "status": 3}}'.encode()
    await receipts.journal(pool, [parse(body, "delivery-status")])
    await ReceiptApplier(pool).apply_some()
    await one.complete(attempt)
    assert await state(db, message_id) == "accepted"
    await make_due(db)
    assert await one.claim() == []
