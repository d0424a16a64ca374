"""The life of a message between its commit and its acceptance, and every way it can go wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, UNREACHED, enqueue, grant, make_due, state, status

from gateway.domain.outcome import Answer

Make = Callable[..., Any]


async def test_the_request_is_committed_before_its_first_byte(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    attempts = await one.claim()
    assert one.wire.sent == []
    assert await filled.fetchval("select body from smsgw.request") == attempts[0].body
    assert await filled.fetchval("select count(*) from smsgw.attempt where finished_at is null") == 1
    assert await state(filled, message_id) == "sending"
    await one.finish(*attempts)
    assert await state(filled, message_id) == "accepted"


async def test_a_lost_answer_is_repeated_with_the_same_bytes_under_the_same_id(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.extend([LOST, status(409)])
    await one.turn()
    assert await state(filled, message_id) == "retrying"
    await make_due(filled)
    await one.turn()
    assert len(set(one.wire.sent)) == 1
    assert len(one.wire.sent) == 2
    assert await state(filled, message_id) == "accepted"


async def test_a_worker_that_lost_its_lease_finishes_nothing(filled: Any, worker: Make) -> None:
    message_id, slow, other = await enqueue(filled), worker(), worker()
    slow.wire.answers.append(status(400))
    late = await slow.claim()
    await make_due(filled)
    again = await other.claim()
    assert [attempt.request_id for attempt in again] == [attempt.request_id for attempt in late]
    await slow.finish(*late)
    assert slow.news.count("lease_lost") == 1
    assert await state(filled, message_id) == "sending"
    await other.finish(*again)
    assert await state(filled, message_id) == "accepted"


async def test_a_lease_that_ends_counts_as_an_attempt_that_may_have_arrived(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    await worker().claim()
    await make_due(filled)
    (attempt,) = await worker().claim()
    assert attempt.maybe_arrived
    assert await filled.fetchval("select outcome from smsgw.attempt where number = 1") == "ambiguous"


async def test_past_the_horizon_nothing_is_repeated(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker(horizon=60.0)
    one.wire.answers.append(LOST)
    await one.turn()
    await filled.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'"
    )
    await one.turn()
    assert len(one.wire.sent) == 1
    assert await state(filled, message_id) == "uncertain"


async def test_a_lane_may_resend_under_a_new_generation(filled: Any, worker: Make) -> None:
    await filled.execute("update smsgw.lane set on_uncertain = 'resend' where name = 'otp'")
    message_id, one = await enqueue(filled, lane="otp"), worker(horizon=60.0)
    one.wire.answers.append(LOST)
    await one.turn()
    await filled.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'"
    )
    await one.turn()
    await one.turn()
    first, second = (json.loads(body)["externalId"] for _, body in one.wire.sent)
    assert (first[-2:], second[-2:]) == ("-0", "-1")
    assert await state(filled, message_id) == "accepted"


@pytest.fixture
async def resent(filled: Any, worker: Make) -> tuple[int, Any]:
    """A message that is about to be sent again under a new generation, and who would."""
    await filled.execute("update smsgw.lane set on_uncertain = 'resend' where name = 'otp'")
    message_id, one = await enqueue(filled, lane="otp"), worker(horizon=60.0)
    one.wire.answers.append(LOST)
    await one.turn()
    await filled.execute(
        "update smsgw.request set available_at = now(), maybe_arrived_at = now() - interval '2 minutes'"
    )
    assert await one.claim(1) == []
    assert await filled.fetchval("select generation from smsgw.outbox") == 1
    return message_id, one


LATE = "update smsgw.outbox set expires_at = clock_timestamp()"


async def test_what_may_have_arrived_is_not_called_expired_when_it_is_too_late_to_send_it_again(
    filled: Any, resent: tuple[int, Any], worker: Make
) -> None:
    message_id, _ = resent
    await filled.execute(LATE)
    assert await worker().claim() == []
    assert await state(filled, message_id) == "uncertain"
    row = await filled.fetchrow("select generation, pending_receipts from smsgw.request")
    assert tuple(row) == (0, 1)
    assert await filled.fetchval("select generation from smsgw.outbox") == 0
    assert await filled.fetchval("select count(*) from smsgw.final_state_pending") == 0


async def test_nor_when_its_second_copy_never_left(filled: Any, resent: tuple[int, Any], worker: Make) -> None:
    message_id, one = resent
    one.wire.answers.append(UNREACHED)
    await one.turn()
    await filled.execute(LATE)
    await make_due(filled)
    for _ in range(2):
        assert await worker().claim() == []
    assert len(one.wire.sent) == 2
    assert await state(filled, message_id) == "uncertain"
    assert await filled.fetchval("select generation from smsgw.outbox") == 0


async def test_a_request_that_kills_its_workers_is_set_aside(filled: Any, worker: Make) -> None:
    message_id = await enqueue(filled)
    for _ in range(3):
        assert await worker().claim()
        await make_due(filled)
    assert await worker().claim() == []
    assert await state(filled, message_id) == "uncertain"
    assert (await filled.fetchval("select reason from smsgw.message")).startswith("quarantined: ")


async def test_a_refusal_after_a_lost_answer_is_not_called_failed(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.extend([LOST, status(400)])
    await one.turn()
    await make_due(filled)
    await one.turn()
    assert await state(filled, message_id) == "uncertain"


async def test_a_definite_refusal_fails_with_its_reason(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(status(400))
    await one.turn()
    assert await state(filled, message_id) == "failed"
    assert (await filled.fetchval("select reason from smsgw.message")).startswith("bad_request: ")


async def test_what_never_left_uses_up_its_budget_and_then_fails(filled: Any, worker: Make) -> None:
    await filled.execute("update smsgw.lane set max_attempts = 2 where name = 'default'")
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.extend([UNREACHED, UNREACHED])
    for _ in range(3):
        await one.turn()
        await make_due(filled)
    assert len(one.wire.sent) == 2
    assert await state(filled, message_id) == "failed"


async def test_a_429_uses_no_budget_and_stops_every_replica(filled: Any, worker: Make) -> None:
    await enqueue(filled)
    one = worker()
    one.wire.answers.append(status(429, retry_after=10.0))
    await one.turn()
    assert await filled.fetchval("select never_sent_attempts + ambiguous_attempts from smsgw.request") == 0
    await enqueue(filled, 124)
    assert await worker().claim() == []


async def test_a_block_pauses_the_route_and_a_resume_lets_everything_flow(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(status(402))
    await one.turn()
    other_id = await enqueue(filled, 124)
    assert await one.claim() == []
    assert {await state(filled, message_id), await state(filled, other_id)} == {"held"}
    await filled.execute("delete from smsgw.pause")
    await one.turn()
    assert {await state(filled, message_id), await state(filled, other_id)} == {"accepted"}


async def test_an_expired_message_is_never_sent(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    await filled.execute("update smsgw.outbox set expires_at = now() - interval '1 second'")
    await one.turn()
    assert one.wire.sent == []
    assert await state(filled, message_id) == "expired"


async def test_a_message_that_may_have_arrived_never_expires(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    one.wire.answers.append(LOST)
    await one.turn()
    await filled.execute("update smsgw.outbox set expires_at = now() - interval '1 second'")
    await make_due(filled)
    await one.turn()
    assert len(one.wire.sent) == 2
    assert await state(filled, message_id) == "accepted"


async def test_a_suppressed_number_is_not_written_to(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    await filled.execute("insert into smsgw.suppression (number, source) values ('+12025550123', 'reply')")
    await one.turn()
    assert one.wire.sent == []
    assert await state(filled, message_id) == "suppressed"


async def test_messages_of_one_order_key_go_one_after_another(filled: Any, worker: Make) -> None:
    ids, one = [await enqueue(filled, n, order_key="k", tenant="t") for n in range(3)], worker()
    one.wire.answers.append(LOST)
    await one.finish(*await one.claim())
    assert [await state(filled, message_id) for message_id in ids] == ["retrying", "ready", "ready"]
    await make_due(filled)
    await one.turn()
    assert [await state(filled, message_id) for message_id in ids] == ["accepted"] * 3


async def test_a_claim_that_is_given_back_leaves_no_trace(filled: Any, worker: Make) -> None:
    message_id, one = await enqueue(filled), worker()
    (attempt,) = await one.claim()
    one.completer.release(attempt)
    await one.finish()
    assert await state(filled, message_id) == "ready"
    assert await filled.fetchval("select count(*) from smsgw.request") == 0
    assert await filled.fetchval("select count(*) from smsgw.attempt") == 0


async def test_no_more_is_claimed_than_there_are_tokens(filled: Any, worker: Make) -> None:
    await filled.execute("delete from smsgw.bucket")
    for number in range(50):
        await enqueue(filled, number)
    one = worker(limit=20, window=3600.0, recipients=1)
    await one.claim()
    await grant(filled, "mta:requests", 2.0)
    assert len(await one.claim(50)) == 2
    assert await one.claim(50) == []


async def test_the_urgent_lane_gets_the_only_token(filled: Any, worker: Make) -> None:
    await enqueue(filled, 1, lane="bulk")
    await enqueue(filled, 2, lane="otp")
    (attempt,) = await worker().claim(1)
    assert attempt.lane == "otp"


async def test_tenants_take_turns(filled: Any, worker: Make) -> None:
    for number in range(20):
        await enqueue(filled, number, tenant="large")
    await enqueue(filled, 100, tenant="small")
    one = worker(recipients=1)
    claimed = [attempt.messages[0].tenant for _ in range(2) for attempt in await one.claim(1)]
    assert sorted(claimed) == ["large", "small"]


@pytest.mark.parametrize("poison", [0, 7, 15])
async def test_a_poison_message_is_found_by_halving(filled: Any, worker: Make, poison: int) -> None:
    for number in range(16):
        await enqueue(filled, number)
    one = worker()
    number = f"+1202555{poison:04}"

    async def send(request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        one.wire.sent.append((request_id, body))
        numbers = json.loads(body)["subscribers"]
        return status(400) if number in numbers else status(200, total_sent=len(numbers))

    one.wire.send = send
    attempts = await one.claim(1)
    await one.finish(*attempts)
    await one.turn()
    refused = sum(1 for _, body in one.wire.sent if number in json.loads(body)["subscribers"])
    assert refused == 5
    states = await filled.fetch("select state, count(*) as n from smsgw.message group by state")
    assert {row["state"]: row["n"] for row in states} == {"accepted": 15, "failed": 1}


async def test_the_feed_tells_of_a_refusal_only_where_it_stays(filled: Any, worker: Make) -> None:
    ids = [await enqueue(filled, number) for number in (1, 2)]
    one = worker()
    one.wire.answers.extend([status(400), status(400)])
    for slots in (1, 2):
        await one.finish(*await one.claim(slots))
    assert len(one.wire.sent) == 3
    (failed,) = [message_id for message_id in ids if await state(filled, message_id) == "failed"]
    news = await filled.fetch("select message_id, state from smsgw.final_state_pending")
    assert [(row["message_id"], row["state"]) for row in news] == [(failed, "failed")]
