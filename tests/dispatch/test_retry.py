"""When a request goes again, when it stops, and what a worker must not do with what it holds."""

from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, UNREACHED, enqueue, grant, make_due, state, status

from gateway.dispatch.refusal_streak import REFUSAL_THRESHOLD
from gateway.store import pauses
from gateway.store.buckets import Limit
from gateway.store.pauses import Scope

Make = Callable[..., Any]


async def seconds_ago(connection: Any, column: str) -> float:
    ago = await connection.fetchval(f"select extract(epoch from clock_timestamp() - {column}) from smsgw.request")
    return float(ago)


async def bucket(connection: Any, what: str) -> Any:
    return await connection.fetchval(f"select {what} from smsgw.bucket where name = 'mta:requests'")


async def test_the_horizon_is_counted_from_the_attempt_however_late_its_result_is_written(
    filled: Any, worker: Make
) -> None:
    """The process stood still for nine minutes between the answer and its writing."""
    message_id, one = await enqueue(filled), worker(horizon=600.0, lease=1000.0)
    one.wire.answers.append(LOST)
    attempts = await one.claim()
    await filled.execute("update smsgw.attempt set started_at = started_at - interval '9 minutes'")
    await one.finish(*attempts)
    assert 539.0 < await seconds_ago(filled, "maybe_arrived_at") < 600.0
    await filled.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = maybe_arrived_at - interval '1 minute'"
    )
    await one.turn()
    assert len(one.wire.sent) == 1
    assert await state(filled, message_id) == "uncertain"


async def test_a_retry_that_could_only_be_on_the_wire_after_the_horizon_is_not_claimed(
    filled: Any, worker: Make
) -> None:
    """The workers of these tests may take five seconds from the claim to the wire."""
    message_id, one = await enqueue(filled), worker(horizon=60.0)
    one.wire.answers.append(LOST)
    await one.turn()
    await filled.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '57 seconds'"
    )
    await one.turn()
    assert len(one.wire.sent) == 1
    assert await state(filled, message_id) == "uncertain"


async def test_the_second_lost_answer_does_not_move_the_horizon(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    one = worker()
    one.wire.answers.extend([LOST, LOST])
    await one.turn()
    first = await filled.fetchval("select maybe_arrived_at from smsgw.request")
    await make_due(filled)
    await one.turn()
    assert await filled.fetchval("select maybe_arrived_at from smsgw.request") == first


async def test_waiting_for_tokens_uses_no_attempt(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    one = worker(limit=20, window=3600.0)
    one.wire.answers.append(UNREACHED)
    await one.turn()
    before = dict(
        await filled.fetchrow("select attempts, never_sent_attempts, ambiguous_attempts, crashes from smsgw.request")
    )
    await grant(filled, "mta:requests", 0.0)
    await make_due(filled)
    for _ in range(5):
        assert await one.claim() == []
    assert (
        dict(
            await filled.fetchrow(
                "select attempts, never_sent_attempts, ambiguous_attempts, crashes from smsgw.request"
            )
        )
        == before
    )


async def test_each_class_has_a_budget_of_its_own(filled: Any, worker: Make) -> None:
    await filled.execute("update smsgw.lane set max_attempts = 2 where name = 'default'")
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.extend([UNREACHED, LOST, UNREACHED, LOST])
    for _ in range(4):
        await one.turn()
        await make_due(filled)
    assert len(one.wire.sent) == 4
    await one.turn()
    assert await state(filled, message_id) == "uncertain"
    assert (await filled.fetchval("select reason from smsgw.message")).startswith("attempts_used_up: ")


async def test_retries_of_a_number_without_tokens_stand_in_no_other_numbers_way(filled: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 3600.0, paced=True), recipients=1)
    one.wire.answers.extend([UNREACHED, UNREACHED])
    for sender in (7, 8):
        await enqueue(filled, sender, sender_id=sender)
        await one.claim()  # makes the number's bucket, which starts empty
        await grant(filled, f"mta:parts:{sender}", 1.0)
        await one.finish(*await one.claim())
    await filled.execute("update smsgw.request set available_at = now() - make_interval(secs => 10 - sender_id)")
    await grant(filled, "mta:parts:7", 0.0)
    await grant(filled, "mta:parts:8", 1.0)
    (attempt,) = await one.claim()
    assert attempt.sender_id == 8


async def test_a_retry_of_any_number_takes_that_numbers_tokens(filled: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 3600.0, 3600.0, paced=True), recipients=1)
    one.wire.answers.extend([UNREACHED, UNREACHED])
    for sender in (7, 8):
        await enqueue(filled, sender, sender_id=sender)
        await one.claim()
        await grant(filled, f"mta:parts:{sender}", 1.0)
        await one.finish(*await one.claim())
    await make_due(filled)
    for sender in (7, 8):
        await grant(filled, f"mta:parts:{sender}", 1.0)
    assert len(await one.claim()) == 2
    left = await filled.fetch("select tokens from smsgw.bucket where name like 'mta:parts:%'")
    assert [row["tokens"] < 0.5 for row in left] == [True, True]


async def test_a_worker_that_stood_still_gives_back_what_it_claimed(filled: Any, worker: Make) -> None:
    message_id, clock = await enqueue(filled), [100.0]
    one = worker(monotonic=lambda: clock[0])
    (attempt,) = await one.claim()
    clock[0] += 6.0
    assert one.sender.block_reason(attempt) == "tokens_stale"
    one.completer.release(attempt)
    await one.finish()
    assert await state(filled, message_id) == "ready"


async def test_a_worker_sends_nothing_that_could_outlast_its_lease(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    clock = [100.0]
    one = worker(monotonic=lambda: clock[0], lease=4.0)
    (attempt,) = await one.claim()
    clock[0] += 2.9
    assert one.sender.block_reason(attempt) is None
    clock[0] += 0.2
    assert one.sender.block_reason(attempt) == "lease_too_short"


async def test_a_message_that_expires_between_claim_and_wire_is_not_sent(filled: Any, worker: Make) -> None:
    short, long = await enqueue(filled, 1), await enqueue(filled, 2)
    await filled.execute("update smsgw.outbox set expires_at = now() + interval '3 seconds' where id = $1", short)
    clock = [100.0]
    one = worker(monotonic=lambda: clock[0])
    (attempt,) = await one.claim(1)
    clock[0] += 4.0
    assert one.sender.block_reason(attempt) == "expired"
    one.completer.release(attempt)
    await one.finish()
    await filled.execute("update smsgw.outbox set expires_at = now() where id = $1", short)
    await worker().turn()
    assert [await state(filled, short), await state(filled, long)] == ["expired", "accepted"]


async def test_a_request_that_was_attempted_is_not_cut_anew_when_some_of_it_expires(filled: Any, worker: Make) -> None:
    short, long = await enqueue(filled, 1), await enqueue(filled, 2)
    one = worker()
    one.wire.answers.append(UNREACHED)
    await one.finish(*await one.claim(1))
    await filled.execute("update smsgw.outbox set expires_at = now() where id = $1", short)
    await make_due(filled)
    await one.turn()
    assert len(set(one.wire.sent)) == 1
    assert [await state(filled, short), await state(filled, long)] == ["accepted", "accepted"]


async def test_a_request_that_never_left_expires_when_all_of_it_has(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(UNREACHED)
    await one.turn()
    await filled.execute("update smsgw.outbox set expires_at = now()")
    await make_due(filled)
    await one.turn()
    assert len(one.wire.sent) == 1
    assert await state(filled, message_id) == "expired"


async def test_a_half_that_was_never_attempted_is_cut_anew_when_some_of_it_expires(filled: Any, worker: Make) -> None:
    ids = [await enqueue(filled, n) for n in range(4)]
    one = worker()
    one.wire.answers.append(status(400))
    await one.finish(*await one.claim(1))
    await filled.execute("update smsgw.outbox set expires_at = now() where id = $1", ids[0])
    await one.turn()
    await worker().turn()
    assert [await state(filled, each) for each in ids] == ["expired", "accepted", "accepted", "accepted"]
    assert "+12025550000" not in b"".join(body for _, body in one.wire.sent[1:]).decode()


async def test_renewal_is_one_statement_and_keeps_only_what_is_still_held(filled: Any, worker: Make) -> None:
    from gateway.store import claims

    one = worker(recipients=1)
    for n in range(2):
        await enqueue(filled, n)
    kept, lost = await one.claim()
    await filled.execute("update smsgw.request set claim_token = gen_random_uuid() where id = $1", lost.request_id)
    found = await claims.renew_leases(filled, [(t.request_id, t.token) for t in (kept, lost)], 500.0)
    assert found == {kept.request_id}
    until = await filled.fetchval(
        "select lease_expires_at > now() + interval '400 seconds' from smsgw.request where id = $1", kept.request_id
    )
    assert until


@pytest.mark.parametrize("block", [status(401), status(402), status(403, account_level=True)])
async def test_a_block_loses_nothing_and_ages_nothing(filled: Any, worker: Make, block: Any) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(filled, n) for n in range(5)]
    one.wire.answers.extend([block] * 3)
    for _ in range(3):
        await one.turn()
        await pauses.resume(filled, Scope.ROUTE, "mta")
    spent = await filled.fetchrow(
        "select sum(never_sent_attempts), sum(ambiguous_attempts), sum(crashes) from smsgw.request"
    )
    assert list(spent) == [0, 0, 0]
    await one.turn()
    assert {await state(filled, each) for each in ids} == {"accepted"}


async def test_a_block_says_why_where_an_operator_looks(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(status(402))
    await one.turn()
    pause = await filled.fetchrow("select scope, subject, actor, reason from smsgw.pause")
    assert (pause["scope"], pause["subject"], pause["actor"]) == ("route", "mta", "gateway")
    assert pause["reason"].startswith("no_credit: ")
    assert await state(filled, message_id) == "held"


async def test_refusals_in_a_row_that_speak_of_no_content_stop_the_route(filled: Any, worker: Make) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(filled, n) for n in range(REFUSAL_THRESHOLD + 3)]
    one.wire.answers.extend([status(403)] * (REFUSAL_THRESHOLD + 3))
    while attempts := await one.claim(1):
        await one.finish(*attempts)
    states = [await state(filled, each) for each in ids]
    assert (states.count("failed"), states.count("held")) == (REFUSAL_THRESHOLD - 1, 4)
    assert (await filled.fetchval("select reason from smsgw.pause")).startswith("refused_in_a_row: ")


@pytest.mark.parametrize("number", [400, 422])
async def test_refusals_of_content_stop_nothing(filled: Any, worker: Make, number: int) -> None:
    one = worker(recipients=1)
    ids = [await enqueue(filled, n) for n in range(REFUSAL_THRESHOLD + 2)]
    one.wire.answers.extend([status(number)] * (REFUSAL_THRESHOLD + 1))
    while attempts := await one.claim(1):
        await one.finish(*attempts)
    assert [await state(filled, each) for each in ids].count("accepted") == 1


async def test_one_acceptance_ends_the_row(filled: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for n in range(2 * REFUSAL_THRESHOLD - 1):
        await enqueue(filled, n)
    row = [status(404)] * (REFUSAL_THRESHOLD - 1)
    one.wire.answers.extend([*row, status(200, total_sent=1), *row])
    while attempts := await one.claim(1):
        await one.finish(*attempts)
    assert await filled.fetchval("select count(*) from smsgw.pause") == 0


async def test_a_probe_that_was_given_back_leaves_the_question_to_another_at_once(filled: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.wire.answers.extend([LOST] * 5)
    for n in range(8):
        await enqueue(filled, n)
    await one.finish(*await one.claim(5))
    await filled.execute("update smsgw.route set retry_at = now()")
    (probe,) = await one.claim()
    assert await other.claim() == []
    one.completer.release(probe)
    await one.finish()
    (second,) = await other.claim()
    assert second.probe


async def test_throttling_stops_every_lane_and_every_replica_for_as_long_as_it_says(filled: Any, worker: Make) -> None:
    await enqueue(filled, 1)
    one, other = worker(window=15.0), worker(window=15.0)
    one.wire.answers.append(status(429, retry_after=10.0))
    await one.turn()
    await enqueue(filled, 2, lane="otp")
    assert await other.claim() == []
    assert float(await bucket(filled, "extract(epoch from blocked_until - throttled_at)")) == pytest.approx(10.0)
    assert await bucket(filled, "rate_factor = 0.5 and slow_start_at = blocked_until")


async def test_a_header_that_says_nothing_remains_stops_every_replica_until_the_reset(
    filled: Any, worker: Make
) -> None:
    from gateway.domain.outcome import RateHeaders

    await enqueue(filled, 1)
    one, other = worker(), worker()
    one.wire.answers.append(status(200, total_sent=1, rate=RateHeaders(25, 0, 8.0)))
    await one.turn()
    await enqueue(filled, 2)
    assert await other.claim() == []
    assert float(await bucket(filled, "extract(epoch from blocked_until - counted_at)")) == pytest.approx(8.0)
    assert await bucket(filled, "rate_factor = 1 and slow_start_at is null")
