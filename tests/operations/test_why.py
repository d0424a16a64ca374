"""Why a message is not going, one obstacle at a time; and its story."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.operating import accepted, deliver, expired, failed, forget, uncertain
from support.outbox import LOST, UNREACHED, enqueue, make_due, status

from gateway.domain.reasons import NOT_SENT
from gateway.operations import pause, replay, resolve
from gateway.operations.pause import Scope
from gateway.operations.timeline import read_timeline
from gateway.operations.why import Kind, Obstacle, diagnose
from gateway.store.filters import Filters

Make = Callable[..., Any]
ALICE = "alice@host"


@pytest.fixture
async def running(operator: Any) -> Any:
    """Somebody sends."""
    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components) values ('w', 'h', 1, '1', '{dispatch}')"
    )
    return operator


async def obstacles(operator: Any, message_id: int, **options: Any) -> dict[Kind, Obstacle]:
    answer = await diagnose(operator, message_id, **options)
    assert answer is not None
    return {obstacle.kind: obstacle for obstacle in answer.obstacles}


def commands(obstacle: Obstacle) -> list[str]:
    """Return what follows the name of the program in each line of a remedy."""
    return [line.partition("smsgw ")[2] for line in (obstacle.remedy or "").splitlines() if "smsgw " in line]


async def test_there_is_no_answer_for_what_is_not_there(running: Any) -> None:
    assert await diagnose(running, 4711) is None
    assert await read_timeline(running, 4711) is None


async def test_nothing_is_in_the_way(running: Any) -> None:
    assert set(await obstacles(running, await enqueue(running))) == {Kind.NOTHING}


async def test_nobody_sends(operator: Any) -> None:
    assert set(await obstacles(operator, await enqueue(operator))) == {Kind.NO_DISPATCHER}


async def test_it_is_scheduled(running: Any) -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    found = await obstacles(running, await enqueue(running, not_before=moment))
    assert found[Kind.SCHEDULE].until == moment


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (Scope.ALL, ""),
        (Scope.ROUTE, "mta"),
        (Scope.LANE, "default"),
        (Scope.TENANT, "shop"),
        (Scope.TAG, "campaign"),
        (Scope.TAG, "campaign=may"),
    ],
)
async def test_a_pause_holds_it(running: Any, scope: Scope, subject: str) -> None:
    message_id = await enqueue(running, tenant="shop", tags={"campaign": "may"})
    await pause.pause(running, scope, subject, actor=ALICE, because="complaints", seconds=60.0)
    found = (await obstacles(running, message_id))[Kind.PAUSE]
    assert "complaints" in found.message
    assert found.until is not None
    assert found.remedy == f"smsgw resume {scope} {subject}".strip()
    await pause.resume(running, scope, subject, actor=ALICE)
    assert Kind.PAUSE not in await obstacles(running, message_id)


@pytest.mark.parametrize(("scope", "subject"), [(Scope.LANE, "otp"), (Scope.TENANT, "x"), (Scope.TAG, "campaign=june")])
async def test_a_pause_of_something_else_does_not(running: Any, scope: Scope, subject: str) -> None:
    message_id = await enqueue(running, tenant="shop", tags={"campaign": "may"})
    await pause.pause(running, scope, subject, actor=ALICE, because="complaints")
    assert Kind.PAUSE not in await obstacles(running, message_id)


async def test_another_is_in_front_under_its_order_key(running: Any) -> None:
    first = await enqueue(running, order_key="k")
    second = await enqueue(running, order_key="k")
    assert str(first) in (await obstacles(running, second))[Kind.ORDER_KEY].message
    assert Kind.ORDER_KEY not in await obstacles(running, first)


async def test_others_are_in_front_in_its_queue(running: Any) -> None:
    made = [await enqueue(running, index) for index in range(3)]
    assert "lane default: 2" in (await obstacles(running, made[2]))[Kind.QUEUE].message
    assert Kind.QUEUE not in await obstacles(running, made[0])


async def test_its_number_is_suppressed(running: Any) -> None:
    await running.execute("insert into smsgw.suppression (number, source) values ('+12025550123', 'operator')")
    assert Kind.SUPPRESSED in await obstacles(running, await enqueue(running, 123))


async def test_the_limit_is_used_up(running: Any) -> None:
    await running.execute("update smsgw.bucket set blocked_until = now() + interval '30 seconds'")
    until = (await obstacles(running, await enqueue(running)))[Kind.BUCKET].until
    assert until is not None
    assert timedelta(seconds=20) < until - datetime.now(UTC) < timedelta(seconds=40)


async def test_the_numbers_own_pace_is_used_up(running: Any) -> None:
    await running.execute(
        "insert into smsgw.bucket (name, kind, tokens, counted_at, allowance, period) "
        "values ('mta:parts:7', 'pace', -100, now(), 60, 60), ('mta:parts:8', 'pace', 1, now(), 60, 60)"
    )
    message_id = await enqueue(running)
    assert Kind.BUCKET in await obstacles(running, message_id, default_sender=7)
    assert Kind.BUCKET not in await obstacles(running, message_id, default_sender=8)


async def test_the_breaker_is_open(running: Any) -> None:
    await running.execute(
        "insert into smsgw.route (name, failures, opened_at, retry_at, last_error) "
        "values ('mta', 5, now(), now() + interval '1 minute', 'connect')"
    )
    found = (await obstacles(running, await enqueue(running)))[Kind.BREAKER]
    assert "connect" in found.message
    assert found.until is not None


async def test_it_is_being_sent(running: Any, worker: Make) -> None:
    message_id = await enqueue(running)
    await worker().claim()
    found = await obstacles(running, message_id)
    assert set(found) == {Kind.LEASE}
    assert found[Kind.LEASE].until is not None


async def test_it_is_tried_again_later(running: Any, worker: Make) -> None:
    message_id, one = await enqueue(running), worker()
    one.provider.answers.append(UNREACHED)
    await one.complete(*await one.claim())
    await running.execute("update smsgw.request set available_at = now() + interval '1 minute'")
    found = await obstacles(running, message_id)
    assert "after 1 attempts" in found[Kind.RETRY].message


async def test_it_is_uncertain_with_and_without_a_risk(running: Any, worker: Make) -> None:
    first, _ = await uncertain(running, worker(), 2)
    found = (await obstacles(running, first))[Kind.UNCERTAIN]
    assert "1 others" in found.message
    assert found.until is not None
    resolve = [f"resolve {first} --because 'REASON' --as {result}" for result in ("accepted", "failed", "resend")]
    assert commands(found) == [f"replay --id {first}", *resolve]
    await forget(running)
    found = (await obstacles(running, first))[Kind.UNCERTAIN]
    assert found.until is None
    assert commands(found) == resolve


async def test_it_waits_for_its_receipt(running: Any, worker: Make) -> None:
    (message_id,) = await accepted(running, worker())
    assert (await obstacles(running, message_id))[Kind.RECEIPT].until is not None
    await running.execute("update smsgw.request set accepted_at = now() - interval '80 hours'")
    assert (await obstacles(running, message_id))[Kind.RECEIPT].until is None


async def test_it_has_ended_and_the_reason_is_explained(running: Any, worker: Make) -> None:
    (one,) = await failed(running, worker())
    (other,) = await expired(running)
    assert "filtered" not in ((await obstacles(running, one))[Kind.FINAL].remedy or "")
    assert "--new-ttl" in ((await obstacles(running, other))[Kind.FINAL].remedy or "")


async def test_a_story_tells_every_attempt_with_its_code_and_meaning(operator: Any, worker: Make) -> None:
    one = worker()
    message_id = await enqueue(operator)
    one.provider.answers.append(status(402, provider_request_id="prov-1"))
    await one.complete(*await one.claim())
    timeline = await read_timeline(operator, message_id)
    assert timeline is not None
    (attempt,) = [entry for entry in timeline.entries if entry.step.kind == "attempt"]
    assert (attempt.step.status, attempt.step.provider_request_id) == (402, "prov-1")
    assert attempt.meaning is not None
    assert attempt.meaning.code == "no_credit"
    assert timeline.meaning is not None
    assert timeline.meaning.code == "no_credit"


async def test_an_uncertain_message_may_have_been_sent_whatever_its_last_attempt_says(
    operator: Any, worker: Make
) -> None:
    message_id, _ = await uncertain(operator, worker(), 2)
    timeline = await read_timeline(operator, message_id)
    assert timeline is not None
    assert timeline.meaning is not None
    assert timeline.meaning.code == "forbidden"
    assert "may have been sent" in timeline.meaning.explanation
    assert "smsgw resolve" in timeline.meaning.remedy
    said = [timeline.meaning, *(entry.meaning for entry in timeline.entries if entry.meaning is not None)]
    assert len(said) == 3
    assert not any(NOT_SENT in meaning.explanation for meaning in said)


async def test_a_message_may_have_been_sent_while_it_is_tried_again(operator: Any, worker: Make) -> None:
    message_id, one = await enqueue(operator), worker()
    one.provider.answers.extend([UNREACHED, LOST, UNREACHED])
    await one.complete(*await one.claim())
    timeline = await read_timeline(operator, message_id)
    assert timeline is not None
    assert timeline.meaning is not None
    assert NOT_SENT in timeline.meaning.explanation
    for _ in range(2):
        await make_due(operator)
        await one.complete(*await one.claim())
    timeline = await read_timeline(operator, message_id)
    assert timeline is not None
    assert (timeline.message.state, timeline.message.attempts) == ("retrying", 3)
    assert timeline.meaning is not None
    assert timeline.meaning.code == "connect"
    assert "may have been sent" in timeline.meaning.explanation
    assert NOT_SENT not in timeline.meaning.explanation


async def test_a_story_tells_receipts_and_what_operators_did(operator: Any, worker: Make) -> None:
    made = await uncertain(operator, worker(), 2)
    await forget(operator)
    await pause.pause(operator, Scope.LANE, "default", actor=ALICE, because="a look")
    await pause.resume(operator, Scope.LANE, "default", actor=ALICE)
    await pause.pause(operator, Scope.LANE, "otp", actor=ALICE, because="another lane")
    await resolve.resolve(operator, made[0], resolve.Resolution.FAILED, actor=ALICE, because="not there")
    planned = await replay.plan(operator, Filters(ids=(made[0],)))
    await replay.run(operator, (await replay.begin(operator, planned, actor=ALICE, because="again")).id)
    timeline = await read_timeline(operator, made[0])
    assert timeline is not None
    kinds = [entry.step.kind for entry in timeline.entries]
    assert kinds == ["enqueued", "bound", "attempt_begun", "attempt", "attempt_begun", "attempt", "pause", "resume",
                     "action", "action"]  # fmt: skip
    details = [entry.step.detail or "" for entry in timeline.entries]
    assert "resolve_failed, alice@host, not there, messages: 2" in details
    assert any("again" in detail and "replay 1" in detail for detail in details)


async def test_a_story_tells_a_receipt_and_a_delivery(operator: Any, worker: Make) -> None:
    (message_id,) = await accepted(operator, worker())
    await deliver(operator, message_id)
    timeline = await read_timeline(operator, message_id)
    assert timeline is not None
    assert timeline.message.state == "delivered"
    assert [entry.step.kind for entry in timeline.entries][-1] == "receipt"
