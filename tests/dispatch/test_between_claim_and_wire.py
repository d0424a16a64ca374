"""What must still be true when a claimed request goes on the wire, and what nobody may hold while it is there."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from support.outbox import ACCEPTED, LOST, enqueue, make_due, state
from support.processes import poll
from support.receipts import parse
from support.workers import News, Wire

from gateway.app.dispatch import build_engine
from gateway.dispatch.budget import Limits
from gateway.dispatch.engine import Engine
from gateway.dispatch.suppression_recheck import SuppressionRecheck
from gateway.domain.outcome import Answer
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


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine under load takes longer than half a second from a claim to the wire; that is not what is tested."""
    monkeypatch.setattr("gateway.app.dispatch.START_WITHIN", 60.0)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Record what the list of suppressed numbers is asked again."""
    asked: list[set[str]] = []
    among = suppressions.among

    async def recorded(connection: Any, numbers: Any) -> frozenset[str]:
        asked.append(set(numbers))
        return await among(connection, numbers)

    monkeypatch.setattr(suppressions, "among", recorded)
    return asked


def engine_on(database: Any, pool: Pool, wire: Any) -> Engine:
    """The engine as the daemon builds it, with one request in the air at a time."""
    news: Any = News()
    settings = Settings(_env_file=None, concurrency=1)
    return build_engine(settings, pool, wire, news, dsn=database.dsn, worker="w")


async def run_until(engine: Engine, happened: "asyncio.Future[Any]") -> Any:
    """Run the engine until something happened, then bring it to its end; return what happened."""
    running = asyncio.create_task(engine.run())
    try:
        await asyncio.wait({running, happened}, return_when=asyncio.FIRST_COMPLETED, timeout=60.0)
    finally:
        engine.stop()
        await running
    assert happened.done(), "the engine came to rest before it happened"
    return happened.result()


async def test_no_transaction_and_no_lock_is_held_while_the_call_is_in_the_air(
    database: Any, filled: Any, pool: Pool
) -> None:
    await enqueue(filled)
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Watching(Wire):
        async def send(self, request_id: str, body: bytes, **_: Any) -> Answer:
            # One request is all that the engine may do at once, so whatever it began besides comes to its end; what
            # is open after that is held across the call.
            onlooker: Any = await asyncpg.connect(database.dsn)
            for _ in range(40):
                held = await onlooker.fetchval(OPEN_TRANSACTIONS)
                if not held:
                    break
                await asyncio.sleep(0.05)
            await onlooker.close()
            found.set_result(held)
            return ACCEPTED

    assert await run_until(engine_on(database, pool, Watching()), found) == 0


async def test_a_stop_that_comes_while_the_process_dawdles_is_heeded(
    database: Any, filled: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id, wire = await enqueue(filled), Wire()
    engine = engine_on(database, pool, wire)
    claim, ended = engine._claimer.claim, asyncio.get_running_loop().create_future()

    async def held_up(*given: Any, **named: Any) -> Any:
        claimed = await claim(*given, **named)
        if claimed.attempts:
            await filled.execute(STOP)
            await asyncio.sleep(0.05)
        elif not ended.done() and (wire.sent or await state(filled, message_id) == "suppressed"):
            ended.set_result(None)
        return claimed

    monkeypatch.setattr(engine._claimer, "claim", held_up)
    await run_until(engine, ended)
    assert wire.sent == []
    assert await state(filled, message_id) == "suppressed"


async def test_requests_of_a_claim_that_dawdle_are_asked_about_together(
    filled: Any, pool: Pool, worker: Make, questions: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 126):
        await enqueue(filled, number)
    attempts = await one.claim(50)
    await filled.execute(STOP)
    now += 0.03
    answers = await asyncio.gather(*(recheck.block_reason(attempt) for attempt in attempts))
    stopped = {attempt.messages[0].recipient.number: why for attempt, why in zip(attempts, answers, strict=True)}
    assert stopped == {"+12025550123": "suppressed", "+12025550124": None, "+12025550125": None}
    assert questions == [set(stopped)]


async def test_a_request_that_is_launched_at_once_is_not_asked_about(
    filled: Any, pool: Pool, worker: Make, questions: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now), SuppressionRecheck(pool, monotonic=lambda: now)
    await enqueue(filled)
    (attempt,) = await one.claim()
    now += 0.01
    assert await recheck.block_reason(attempt) is None
    assert questions == []


async def test_who_dawdles_longer_is_asked_about_by_a_question_of_his_own(
    filled: Any, pool: Pool, worker: Make, questions: list[set[str]]
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 125):
        await enqueue(filled, number)
    quick, slow = sorted(await one.claim(50), key=lambda attempt: attempt.messages[0].recipient.number, reverse=True)
    now += 0.03
    assert await recheck.block_reason(quick) is None
    await filled.execute(STOP)
    assert await recheck.block_reason(slow) == "suppressed"
    assert len(questions) == 2


async def test_an_attempt_that_is_cancelled_takes_no_answer_from_the_others(
    filled: Any, pool: Pool, worker: Make
) -> None:
    now = 1000.0
    one, recheck = worker(monotonic=lambda: now, recipients=1), SuppressionRecheck(pool, monotonic=lambda: now)
    for number in range(123, 125):
        await enqueue(filled, number)
    attempts = await one.claim(50)
    now += 0.03
    first, second = [asyncio.create_task(recheck.block_reason(attempt)) for attempt in attempts]
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None


async def test_the_time_to_live_is_looked_at_again_before_the_wire(filled: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now, lease=600.0)
    await filled.execute("update smsgw.lane set ttl = interval '3 seconds' where name = 'otp'")
    await enqueue(filled, lane="otp")
    (attempt,) = await one.claim()
    assert one.sender.block_reason(attempt) is None
    now += 3.0
    assert one.sender.block_reason(attempt) == "expired"


async def test_tokens_that_were_taken_too_long_ago_are_not_used(filled: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now)
    await enqueue(filled)
    (attempt,) = await one.claim()
    now += 5.1
    assert one.sender.block_reason(attempt) == "tokens_stale"


async def test_a_lease_that_would_end_in_mid_call_is_not_begun_on(filled: Any, worker: Make) -> None:
    now = 1000.0
    one = worker(monotonic=lambda: now, lease=5.5)
    await enqueue(filled)
    (attempt,) = await one.claim()
    now += 4.6
    assert one.sender.block_reason(attempt) == "lease_too_short"


async def test_a_claim_waits_for_tokens_that_another_is_just_taking(database: Any, filled: Any, worker: Make) -> None:
    await enqueue(filled)
    one = worker(limit=24)
    await one.claim(0)  # brings the bucket to its limit, so that nothing but the tokens is waited for below
    other: Any = await asyncpg.connect(database.dsn)
    try:
        taking = other.transaction()
        await taking.start()
        await other.execute("update smsgw.bucket set tokens = 0, counted_at = clock_timestamp()")
        claiming = asyncio.create_task(one.claim())
        await poll(lambda: other.fetchval(BLOCKED))
        await other.execute("update smsgw.bucket set counted_at = clock_timestamp() + interval '1 minute'")
        await taking.commit()
        assert await claiming == []
    finally:
        await other.close()


async def test_what_one_claim_has_spent_the_next_does_not_find(filled: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    for each in (one, other):
        # An hour's window: nothing comes back while the test runs, however slow the machine.
        each.claimer.change_limits(Limits("mta", (Limit("mta:requests", 20.0, 3600.0),)))
    for number in range(10):
        await enqueue(filled, number)
    assert len(await one.claim(50)) == 2
    assert await other.claim(50) == []


async def test_a_worker_that_lost_its_lease_gives_nothing_back(filled: Any, worker: Make) -> None:
    message_id, slow, other = await enqueue(filled), worker(), worker()
    late = await slow.claim()
    await make_due(filled)
    again = await other.claim()
    slow.completer.release(late[0])
    await slow.finish()
    assert await state(filled, message_id) == "sending"
    await other.finish(*again)
    assert await state(filled, message_id) == "accepted"


async def test_a_worker_that_lost_its_lease_renews_nothing(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    (late,) = await worker().claim()
    await make_due(filled)
    (again,) = await worker().claim()
    assert await claims.renew_leases(filled, [(late.request_id, late.token)], 600.0) == set()
    assert await claims.renew_leases(filled, [(again.request_id, again.token)], 600.0) == {again.request_id}


async def test_two_claims_never_share_a_token(filled: Any, worker: Make) -> None:
    tokens = set()
    for number in range(3):
        await enqueue(filled, number)
        tokens |= {attempt.token for attempt in await worker().claim()}
    assert len(tokens) == 3


async def test_what_was_given_back_goes_out_by_the_next_claim(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    (attempt,) = await one.claim()
    one.completer.release(attempt)
    await one.finish()
    other = worker()
    await other.turn()
    assert len(other.wire.sent) == 1
    assert await state(filled, message_id) == "accepted"


async def test_a_receipt_that_outruns_its_answer_is_not_taken_back_by_it(filled: Any, pool: Pool, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(LOST)
    (attempt,) = await one.claim()
    external_id = await filled.fetchval("select external_id from smsgw.request")
    body = f'{{"externalId": "{external_id}", "toNumber": "+12025550123", "status": 3}}'.encode()
    await receipts.journal(pool, [parse(body, "delivery-status")])
    await ReceiptApplier(pool).apply_some()
    await one.finish(attempt)
    assert await state(filled, message_id) == "accepted"
    await make_due(filled)
    assert await one.claim() == []
