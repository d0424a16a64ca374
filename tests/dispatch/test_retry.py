"""When a request is retried, when it stops, and what stops a route."""

from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, UNREACHED, enqueue, grant, make_due, state, status

from gateway.dispatch.result_plan import REFUSAL_THRESHOLD
from gateway.domain.outcome import HeldBack
from gateway.store import pauses
from gateway.store.buckets import Limit, LimitKind
from gateway.store.pauses import Scope

Make = Callable[..., Any]


async def seconds_ago(connection: Any, column: str) -> float:
    ago = await connection.fetchval(f"select extract(epoch from clock_timestamp() - {column}) from smsgw.request")
    return float(ago)


async def bucket(connection: Any, what: str) -> Any:
    return await connection.fetchval(f"select {what} from smsgw.bucket where name = 'mta:requests'")


async def test_the_horizon_starts_with_the_attempt_and_not_with_its_result(db: Any, worker: Make) -> None:
    """The process stood still for nine minutes between the answer and the write of the result."""
    message_id, one = await enqueue(db), worker(horizon=600.0, lease=1000.0)
    one.provider.answers.append(LOST)
    attempts = await one.claim()
    await db.execute("update smsgw.attempt set started_at = started_at - interval '9 minutes'")
    await one.complete(*attempts)
    assert 539.0 < await seconds_ago(db, "maybe_arrived_at") < 600.0
    await db.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = maybe_arrived_at - interval '1 minute'"
    )
    await one.send_all()
    assert len(one.provider.sent) == 1
    assert await state(db, message_id) == "uncertain"


async def test_a_retry_that_would_be_sent_after_the_horizon_is_not_claimed(db: Any, worker: Make) -> None:
    """A request of these tests may be on its way for a second."""
    message_id, one = await enqueue(db), worker(horizon=600.0)
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '599.5 seconds'"
    )
    await one.send_all()
    assert len(one.provider.sent) == 1
    assert await state(db, message_id) == "uncertain"


async def test_a_retry_that_is_delayed_past_the_horizon_is_not_sent(db: Any, worker: Make) -> None:
    await enqueue(db)
    clock = [1000.0]
    one = worker(horizon=600.0, monotonic=lambda: clock[0], lease=4000.0)
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute("update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '595 seconds'")
    (attempt,) = await one.claim()
    assert one.block_reason(attempt) is None
    clock[0] += 4.5
    assert one.block_reason(attempt) is HeldBack.HORIZON_PASSED


async def test_the_second_lost_answer_does_not_move_the_horizon(db: Any, worker: Make) -> None:
    await enqueue(db)
    one = worker()
    one.provider.answers.extend([LOST, LOST])
    await one.send_all()
    first = await db.fetchval("select maybe_arrived_at from smsgw.request")
    await make_due(db)
    await one.send_all()
    assert await db.fetchval("select maybe_arrived_at from smsgw.request") == first


async def test_waiting_for_tokens_uses_no_retry_budget(db: Any, worker: Make) -> None:
    await enqueue(db)
    one = worker(limit=20, window=3600.0)
    one.provider.answers.append(UNREACHED)
    await one.send_all()
    before = dict(
        await db.fetchrow("select attempts, never_sent_attempts, ambiguous_attempts, crashes from smsgw.request")
    )
    await grant(db, "mta:requests", 0.0)
    await make_due(db)
    for _ in range(5):
        assert await one.claim() == []
    assert (
        dict(await db.fetchrow("select attempts, never_sent_attempts, ambiguous_attempts, crashes from smsgw.request"))
        == before
    )


async def test_each_outcome_has_its_own_retry_budget(db: Any, worker: Make) -> None:
    await db.execute("update smsgw.lane set max_attempts = 2 where name = 'default'")
    message_id, one = await enqueue(db), worker()
    one.provider.answers.extend([UNREACHED, LOST, UNREACHED, LOST])
    for _ in range(4):
        await one.send_all()
        await make_due(db)
    assert len(one.provider.sent) == 4
    await one.send_all()
    assert await state(db, message_id) == "uncertain"
    assert (await db.fetchval("select reason from smsgw.message")).startswith("attempts_used_up: ")


async def test_retries_of_a_sender_without_tokens_do_not_delay_another_sender(db: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 3600.0, LimitKind.PACE), recipients=1)
    one.provider.answers.extend([UNREACHED, UNREACHED])
    for sender in (7, 8):
        await enqueue(db, sender, sender_id=sender)
        await one.claim()  # creates the sender's bucket, which starts empty
        await grant(db, f"mta:parts:{sender}", 1.0)
        one.forget_waits()
        await one.complete(*await one.claim())
    await db.execute("update smsgw.request set available_at = now() - make_interval(secs => 10 - sender_id)")
    await grant(db, "mta:parts:7", 0.0)
    await grant(db, "mta:parts:8", 1.0)
    one.forget_waits()
    (attempt,) = await one.claim()
    assert attempt.sender_id == 8


async def test_a_retry_takes_the_tokens_of_its_sender(db: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 3600.0, 3600.0, LimitKind.PACE), recipients=1)
    one.provider.answers.extend([UNREACHED, UNREACHED])
    for sender in (7, 8):
        await enqueue(db, sender, sender_id=sender)
        await one.claim()
        await grant(db, f"mta:parts:{sender}", 1.0)
        one.forget_waits()
        await one.complete(*await one.claim())
    await make_due(db)
    for sender in (7, 8):
        await grant(db, f"mta:parts:{sender}", 1.0)
    one.forget_waits()
    assert len(await one.claim()) == 2
    left = await db.fetch("select tokens from smsgw.bucket where name like 'mta:parts:%'")
    assert [refusals["tokens"] < 0.5 for refusals in left] == [True, True]


async def test_a_worker_that_stood_still_releases_its_attempts(db: Any, worker: Make) -> None:
    message_id, clock = await enqueue(db), [100.0]
    one = worker(monotonic=lambda: clock[0])
    (attempt,) = await one.claim()
    clock[0] += 6.0
    assert one.block_reason(attempt) == "tokens_stale"
    one.completer.release(attempt, HeldBack.EXPIRED)
    await one.complete()
    assert await state(db, message_id) == "ready"


async def test_a_worker_sends_no_request_that_could_outlast_its_lease(db: Any, worker: Make) -> None:
    await enqueue(db)
    clock = [100.0]
    one = worker(monotonic=lambda: clock[0], lease=4.0)
    (attempt,) = await one.claim()
    clock[0] += 2.9
    assert one.block_reason(attempt) is None
    clock[0] += 0.2
    assert one.block_reason(attempt) == "lease_too_short"


async def test_a_message_that_expires_between_claim_and_call_is_not_sent(db: Any, worker: Make) -> None:
    short, long = await enqueue(db, 1), await enqueue(db, 2)
    await db.execute("update smsgw.outbox set expires_at = now() + interval '3 seconds' where id = $1", short)
    clock = [100.0]
    one = worker(monotonic=lambda: clock[0])
    (attempt,) = await one.claim(1)
    clock[0] += 4.0
    assert one.block_reason(attempt) == "expired"
    one.completer.release(attempt, HeldBack.EXPIRED)
    await one.complete()
    await db.execute("update smsgw.outbox set expires_at = now() where id = $1", short)
    await worker().send_all()
    assert [await state(db, short), await state(db, long)] == ["expired", "accepted"]


async def test_an_attempted_request_keeps_its_expired_messages(db: Any, worker: Make) -> None:
    short, long = await enqueue(db, 1), await enqueue(db, 2)
    one = worker()
    one.provider.answers.append(UNREACHED)
    await one.complete(*await one.claim(1))
    await db.execute("update smsgw.outbox set expires_at = now() where id = $1", short)
    await make_due(db)
    await one.send_all()
    assert len(set(one.provider.sent)) == 1
    assert [await state(db, short), await state(db, long)] == ["accepted", "accepted"]


async def test_a_request_that_was_never_sent_expires_with_its_last_message(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(UNREACHED)
    await one.send_all()
    await db.execute("update smsgw.outbox set expires_at = now()")
    await make_due(db)
    await one.send_all()
    assert len(one.provider.sent) == 1
    assert await state(db, message_id) == "expired"


async def test_an_unattempted_half_is_requeued_when_some_of_it_expires(db: Any, worker: Make) -> None:
    ids = [await enqueue(db, n) for n in range(4)]
    one = worker()
    one.provider.answers.append(status(400))
    await one.complete(*await one.claim(1))
    await db.execute("update smsgw.outbox set expires_at = now() where id = $1", ids[0])
    await one.send_all()
    await worker().send_all()
    assert [await state(db, each) for each in ids] == ["expired", "accepted", "accepted", "accepted"]
    assert "+12025550000" not in b"".join(body for _, body in one.provider.sent[1:]).decode()


async def test_renewal_returns_only_the_leases_that_are_still_held(db: Any, worker: Make) -> None:
    from gateway.store import claims

    one = worker(recipients=1)
    for n in range(2):
        await enqueue(db, n)
    kept, lost = await one.claim()
    await db.execute("update smsgw.request set claim_token = gen_random_uuid() where id = $1", lost.request_id)
    found = await claims.renew_leases(db, [(t.request_id, t.claim_token) for t in (kept, lost)], 500.0)
    assert found == {kept.request_id}
    until = await db.fetchval(
        "select lease_expires_at > now() + interval '400 seconds' from smsgw.request where id = $1", kept.request_id
    )
    assert until


@pytest.mark.parametrize("block", [status(401), status(402), status(403, account_level=True)])
async def test_a_block_loses_no_message_and_uses_no_retry_budget(db: Any, worker: Make, block: Any) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(db, n) for n in range(5)]
    one.provider.answers.extend([block] * 3)
    for _ in range(3):
        await one.send_all()
        await pauses.resume(db, Scope.ROUTE, "mta")
    spent = await db.fetchrow(
        "select sum(never_sent_attempts), sum(ambiguous_attempts), sum(crashes) from smsgw.request"
    )
    assert list(spent) == [0, 0, 0]
    await one.send_all()
    assert {await state(db, each) for each in ids} == {"accepted"}


async def test_a_block_stores_its_reason_with_the_pause(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(status(402))
    await one.send_all()
    pause = await db.fetchrow("select scope, subject, actor, reason from smsgw.pause")
    assert (pause["scope"], pause["subject"], pause["actor"]) == ("route", "mta", "gateway")
    assert pause["reason"].startswith("no_credit: ")
    assert await state(db, message_id) == "held"


async def test_consecutive_refusals_not_about_content_pause_the_route(db: Any, worker: Make) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(db, n) for n in range(REFUSAL_THRESHOLD + 3)]
    one.provider.answers.extend([status(403)] * (REFUSAL_THRESHOLD + 3))
    while attempts := await one.claim(1):
        await one.complete(*attempts)
    states = [await state(db, each) for each in ids]
    assert (states.count("failed"), states.count("held")) == (REFUSAL_THRESHOLD - 1, 4)
    assert (await db.fetchval("select reason from smsgw.pause")).startswith("refused_in_a_row: ")


@pytest.mark.parametrize("number", [400, 422])
async def test_refusals_of_content_do_not_pause_the_route(db: Any, worker: Make, number: int) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(db, n) for n in range(REFUSAL_THRESHOLD + 2)]
    one.provider.answers.extend([status(number)] * (REFUSAL_THRESHOLD + 1))
    while attempts := await one.claim(1):
        await one.complete(*attempts)
    assert [await state(db, each) for each in ids].count("accepted") == 1


async def test_an_acceptance_resets_the_refusal_streak(db: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for n in range(2 * REFUSAL_THRESHOLD - 1):
        await enqueue(db, n)
    refusals = [status(404)] * (REFUSAL_THRESHOLD - 1)
    one.provider.answers.extend([*refusals, status(200, total_sent=1), *refusals])
    while attempts := await one.claim(1):
        await one.complete(*attempts)
    assert await db.fetchval("select count(*) from smsgw.pause") == 0


async def test_a_released_probe_is_replaced_at_once(db: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.provider.answers.extend([LOST] * 5)
    for n in range(8):
        await enqueue(db, n)
    await one.complete(*await one.claim(5))
    await db.execute("update smsgw.route set retry_at = now()")
    (probe,) = await one.claim()
    assert await other.claim() == []
    one.completer.release(probe, HeldBack.EXPIRED)
    await one.complete()
    (second,) = await other.claim()
    assert second.probe


async def test_a_429_stops_every_lane_and_every_replica_for_retry_after(db: Any, worker: Make) -> None:
    await enqueue(db, 1)
    one, other = worker(window=15.0), worker(window=15.0)
    one.provider.answers.append(status(429, retry_after=10.0))
    await one.send_all()
    await enqueue(db, 2, lane="otp")
    assert await other.claim() == []
    assert float(await bucket(db, "extract(epoch from blocked_until - throttled_at)")) == pytest.approx(10.0)
    assert await bucket(db, "rate_factor") == 0.5


async def test_what_other_programs_used_counts_as_spent_until_the_reset(db: Any, worker: Make) -> None:
    from gateway.domain.outcome import RateHeaders

    await enqueue(db, 1)
    one, other = worker(limit=24, window=15.0), worker(limit=24, window=15.0)
    await db.execute("update smsgw.bucket set allowance = 24, period = 15")
    one.provider.answers.append(status(200, total_sent=1, rate=RateHeaders(25, 0, 8.0)))
    await one.send_all()
    await enqueue(db, 2)
    assert await other.claim() == []
    assert await bucket(db, "foreign_spent") == 24
    assert 0.0 < float(await bucket(db, "extract(epoch from foreign_until - clock_timestamp())")) <= 8.0
    assert await bucket(db, "rate_factor = 1 and blocked_until is null")


async def test_an_answer_that_our_own_requests_explain_shows_no_foreign_use(db: Any, worker: Make) -> None:
    from gateway.domain.outcome import RateHeaders

    one = worker(limit=24, window=15.0, recipients=1)
    await db.execute("update smsgw.bucket set allowance = 24, period = 15")
    for n in range(3):
        await enqueue(db, n)
    attempts = await one.claim(3)
    assert len(attempts) == 3
    one.provider.answers.extend(status(200, total_sent=1, rate=RateHeaders(25, left, 8.0)) for left in (24, 23, 22))
    await one.complete(*attempts)
    assert await bucket(db, "foreign_spent") == 0
