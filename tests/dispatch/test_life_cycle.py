"""The life of a message from its commit to its acceptance, and every way in which it can fail."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, UNREACHED, enqueue, grant, make_due, state, status

from gateway.domain.outcome import Answer, HeldBack

Make = Callable[..., Any]


async def test_the_request_is_committed_before_its_first_byte(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    attempts = await one.claim()
    assert one.provider.sent == []
    assert await db.fetchval("select body from smsgw.request") == attempts[0].body
    assert await db.fetchval("select count(*) from smsgw.attempt where finished_at is null") == 1
    assert await state(db, message_id) == "sending"
    await one.complete(*attempts)
    assert await state(db, message_id) == "accepted"


async def test_a_retry_sends_the_same_bytes_under_the_same_id(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.extend([LOST, status(409)])
    await one.send_all()
    assert await state(db, message_id) == "retrying"
    await make_due(db)
    await one.send_all()
    assert len(set(one.provider.sent)) == 1
    assert len(one.provider.sent) == 2
    assert await state(db, message_id) == "accepted"


async def test_a_worker_that_lost_its_lease_completes_nothing(db: Any, worker: Make) -> None:
    message_id, slow, other = await enqueue(db), worker(), worker()
    slow.provider.answers.append(status(400))
    late = await slow.claim()
    await make_due(db)
    again = await other.claim()
    assert [attempt.request_id for attempt in again] == [attempt.request_id for attempt in late]
    await slow.complete(*late)
    assert slow.observer.count("lease_lost") == 1
    assert await state(db, message_id) == "sending"
    await other.complete(*again)
    assert await state(db, message_id) == "accepted"


async def test_an_expired_lease_counts_as_an_attempt_that_may_have_arrived(db: Any, worker: Make) -> None:
    await enqueue(db)
    await worker().claim()
    await make_due(db)
    (attempt,) = await worker().claim()
    assert attempt.maybe_arrived
    assert await db.fetchval("select outcome from smsgw.attempt where number = 1") == "ambiguous"


async def test_after_the_horizon_nothing_is_retried(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker(horizon=60.0)
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute("update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'")
    await one.send_all()
    assert len(one.provider.sent) == 1
    assert await state(db, message_id) == "uncertain"


async def test_a_lane_may_resend_under_a_new_generation(db: Any, worker: Make) -> None:
    await db.execute("update smsgw.lane set on_uncertain = 'resend' where name = 'otp'")
    message_id, one = await enqueue(db, lane="otp"), worker(horizon=60.0)
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute("update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'")
    await one.send_all()
    await one.send_all()
    first, second = (json.loads(body)["externalId"] for _, body in one.provider.sent)
    assert (first[-2:], second[-2:]) == ("-0", "-1")
    assert await state(db, message_id) == "accepted"


@pytest.fixture
async def resent(db: Any, worker: Make) -> tuple[int, Any]:
    """A message that is about to be resent as a new generation, and the worker that would do it."""
    await db.execute("update smsgw.lane set on_uncertain = 'resend' where name = 'otp'")
    message_id, one = await enqueue(db, lane="otp"), worker(horizon=60.0)
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute("update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'")
    assert await one.claim(1) == []
    assert await db.fetchval("select generation from smsgw.outbox") == 1
    return message_id, one


EXPIRE_NOW = "update smsgw.outbox set expires_at = clock_timestamp()"


async def test_a_resend_that_expires_unsent_leaves_the_message_uncertain(
    db: Any, resent: tuple[int, Any], worker: Make
) -> None:
    message_id, _ = resent
    await db.execute(EXPIRE_NOW)
    assert await worker().claim() == []
    assert await state(db, message_id) == "uncertain"
    row = await db.fetchrow("select generation, pending_receipts from smsgw.request")
    assert tuple(row) == (0, 1)
    assert await db.fetchval("select generation from smsgw.outbox") == 0
    assert await db.fetchval("select count(*) from smsgw.final_state_pending") == 0


async def test_a_resend_that_expires_after_it_was_never_sent_leaves_the_message_uncertain(
    db: Any, resent: tuple[int, Any], worker: Make
) -> None:
    message_id, one = resent
    one.provider.answers.append(UNREACHED)
    await one.send_all()
    await db.execute(EXPIRE_NOW)
    await make_due(db)
    for _ in range(2):
        assert await worker().claim() == []
    assert len(one.provider.sent) == 2
    assert await state(db, message_id) == "uncertain"
    assert await db.fetchval("select generation from smsgw.outbox") == 0


async def test_a_request_that_kills_its_workers_becomes_uncertain(db: Any, worker: Make) -> None:
    message_id = await enqueue(db)
    for _ in range(3):
        assert await worker().claim()
        await make_due(db)
    assert await worker().claim() == []
    assert await state(db, message_id) == "uncertain"
    assert (await db.fetchval("select reason from smsgw.message")).startswith("quarantined: ")


async def test_a_refusal_after_a_lost_answer_becomes_uncertain(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.extend([LOST, status(400)])
    await one.send_all()
    await make_due(db)
    await one.send_all()
    assert await state(db, message_id) == "uncertain"


async def test_a_definite_refusal_fails_with_its_reason(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(status(400))
    await one.send_all()
    assert await state(db, message_id) == "failed"
    assert (await db.fetchval("select reason from smsgw.message")).startswith("bad_request: ")


async def test_a_request_that_is_never_sent_uses_up_its_budget_and_fails(db: Any, worker: Make) -> None:
    await db.execute("update smsgw.lane set max_attempts = 2 where name = 'default'")
    message_id, one = await enqueue(db), worker()
    one.provider.answers.extend([UNREACHED, UNREACHED])
    for _ in range(3):
        await one.send_all()
        await make_due(db)
    assert len(one.provider.sent) == 2
    assert await state(db, message_id) == "failed"


async def test_a_429_uses_no_budget_and_stops_every_replica(db: Any, worker: Make) -> None:
    await enqueue(db)
    one = worker()
    one.provider.answers.append(status(429, retry_after=10.0))
    await one.send_all()
    assert await db.fetchval("select never_sent_attempts + ambiguous_attempts from smsgw.request") == 0
    await enqueue(db, 124)
    assert await worker().claim() == []


async def test_a_block_pauses_the_route_and_a_resume_sends_everything(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(status(402))
    await one.send_all()
    other_id = await enqueue(db, 124)
    assert await one.claim() == []
    assert {await state(db, message_id), await state(db, other_id)} == {"held"}
    await db.execute("delete from smsgw.pause")
    await one.send_all()
    assert {await state(db, message_id), await state(db, other_id)} == {"accepted"}


async def test_an_expired_message_is_never_sent(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    await db.execute("update smsgw.outbox set expires_at = now() - interval '1 second'")
    await one.send_all()
    assert one.provider.sent == []
    assert await state(db, message_id) == "expired"


async def test_a_message_that_may_have_arrived_never_expires(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    one.provider.answers.append(LOST)
    await one.send_all()
    await db.execute("update smsgw.outbox set expires_at = now() - interval '1 second'")
    await make_due(db)
    await one.send_all()
    assert len(one.provider.sent) == 2
    assert await state(db, message_id) == "accepted"


async def test_a_suppressed_number_gets_no_message(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    await db.execute("insert into smsgw.suppression (number, source) values ('+12025550123', 'reply')")
    await one.send_all()
    assert one.provider.sent == []
    assert await state(db, message_id) == "suppressed"


async def test_messages_of_one_order_key_are_sent_one_after_another(db: Any, worker: Make) -> None:
    ids, one = [await enqueue(db, n, order_key="k", tenant="t") for n in range(3)], worker()
    one.provider.answers.append(LOST)
    await one.complete(*await one.claim())
    assert [await state(db, message_id) for message_id in ids] == ["retrying", "ready", "ready"]
    await make_due(db)
    await one.send_all()
    assert [await state(db, message_id) for message_id in ids] == ["accepted"] * 3


async def test_a_released_claim_leaves_no_trace(db: Any, worker: Make) -> None:
    message_id, one = await enqueue(db), worker()
    (attempt,) = await one.claim()
    one.completer.release(attempt, HeldBack.EXPIRED)
    await one.complete()
    assert await state(db, message_id) == "ready"
    assert await db.fetchval("select count(*) from smsgw.request") == 0
    assert await db.fetchval("select count(*) from smsgw.attempt") == 0


async def test_no_more_is_claimed_than_there_are_tokens(db: Any, worker: Make) -> None:
    await db.execute("delete from smsgw.bucket")
    for number in range(50):
        await enqueue(db, number)
    one = worker(limit=20, window=3600.0, recipients=1)
    await one.claim()
    await grant(db, "mta:requests", 2.0)
    assert len(await one.claim(50)) == 2
    assert await one.claim(50) == []


async def test_the_urgent_lane_gets_the_only_token(db: Any, worker: Make) -> None:
    await enqueue(db, 1, lane="bulk")
    await enqueue(db, 2, lane="otp")
    (attempt,) = await worker().claim(1)
    assert attempt.lane == "otp"


async def test_tenants_share_a_lane(db: Any, worker: Make) -> None:
    for number in range(20):
        await enqueue(db, number, tenant="large")
    await enqueue(db, 100, tenant="small")
    one = worker(recipients=1)
    claimed = [attempt.messages[0].tenant for _ in range(2) for attempt in await one.claim(1)]
    assert sorted(claimed) == ["large", "small"]


@pytest.mark.parametrize("refused_index", [0, 7, 15])
async def test_a_refused_message_is_found_by_splitting(db: Any, worker: Make, refused_index: int) -> None:
    for number in range(16):
        await enqueue(db, number)
    one = worker()
    number = f"+1202555{refused_index:04}"

    async def send(request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        one.provider.sent.append((request_id, body))
        numbers = json.loads(body)["subscribers"]
        return status(400) if number in numbers else status(200, total_sent=len(numbers))

    one.provider.send = send
    attempts = await one.claim(1)
    await one.complete(*attempts)
    await one.send_all()
    refused = sum(1 for _, body in one.provider.sent if number in json.loads(body)["subscribers"])
    assert refused == 5
    states = await db.fetch("select state, count(*) as n from smsgw.message group by state")
    assert {row["state"]: row["n"] for row in states} == {"accepted": 15, "failed": 1}


async def test_the_feed_reports_a_refusal_only_for_the_refused_message(db: Any, worker: Make) -> None:
    ids = [await enqueue(db, number) for number in (1, 2)]
    one = worker()
    one.provider.answers.extend([status(400), status(400)])
    for slots in (1, 2):
        await one.complete(*await one.claim(slots))
    assert len(one.provider.sent) == 3
    (failed,) = [message_id for message_id in ids if await state(db, message_id) == "failed"]
    news = await db.fetch("select message_id, state from smsgw.final_state_pending")
    assert [(row["message_id"], row["state"]) for row in news] == [(failed, "failed")]
