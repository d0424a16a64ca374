"""Sending again: what may go without a risk, what may not, and every race that there is in between."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.operating import accepted, deliver, expired, failed, forget, someone_waits, uncertain
from support.outbox import enqueue, make_due, state, status

from gateway.operations import NotPossible, replay
from gateway.operations.replay import ReplayCount, Step
from gateway.store.filters import Filters, from_json, to_json
from gateway.store.pool import connect

Make = Callable[..., Any]
ALICE = "alice@host"


async def replayed(operator: Any, filters: Filters, **options: Any) -> replay.Replay:
    """Plan and carry out."""
    ttl = options.pop("new_ttl", None)
    planned = await replay.plan(operator, filters, new_ttl=ttl)
    begun = await replay.begin(operator, planned, actor=ALICE, because="test", **options)
    return await replay.run(operator, begun.id)


async def row(operator: Any, message_id: int) -> Any:
    return await operator.fetchrow("select * from smsgw.outbox where id = $1", message_id)


async def test_a_plan_changes_nothing_and_counts_parts(operator: Any, worker: Make) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    made = await failed(operator, worker(), 3, body="x" * 300)
    planned = await replay.plan(operator, Filters(states=("failed",)))
    assert planned.steps == {Step.RELEASE: ReplayCount(3, 6)}
    assert (planned.safe, planned.risky, planned.found) == (ReplayCount(3, 6), ReplayCount(), 3)
    assert [await state(operator, one) for one in made] == ["failed"] * 3
    assert await operator.fetchval("select count(*) from smsgw.replay") == 0


async def test_what_was_certainly_not_sent_goes_back_and_gets_a_new_request(operator: Any, worker: Make) -> None:
    one = worker()
    (message_id,) = await failed(operator, one)
    before = await row(operator, message_id)
    done = await replayed(operator, Filters(states=("failed",)))
    assert (done.replayed, done.same_id, done.resent, done.left_out) == (1, 0, 0, 0)
    after = await row(operator, message_id)
    assert await state(operator, message_id) == "ready"
    assert after["generation"] == before["generation"]
    assert after["expires_at"] == before["expires_at"]
    assert after["earlier_requests"] == [before["request_id"]]
    await one.send_all()
    assert await state(operator, message_id) == "accepted"
    assert len({request for request, _ in one.provider.sent}) == 2


async def test_inside_the_horizon_the_same_bytes_go_under_the_same_id(operator: Any, worker: Make) -> None:
    one = worker()
    made = await uncertain(operator, one, 3)
    planned = await replay.plan(operator, Filters(ids=(made[0],)))
    assert planned.steps == {Step.REPEAT: ReplayCount(1, 1)}
    assert planned.also_affected == 2
    done = await replayed(operator, Filters(ids=(made[0],)))
    assert (done.same_id, done.resent) == (3, 0)
    one.provider.answers.append(status(409))
    await one.send_all()
    assert len(set(one.provider.sent)) == 1
    assert [await state(operator, message_id) for message_id in made] == ["accepted"] * 3


async def test_a_repetition_that_is_claimed_too_late_is_uncertain_again(operator: Any, worker: Make) -> None:
    (message_id,) = await uncertain(operator, worker())
    await replayed(operator, Filters(states=("uncertain",)))
    await operator.execute("update smsgw.request set maybe_arrived_at = now() - interval '1 hour'")
    other = worker()
    await other.send_all()
    assert other.provider.sent == []
    assert await state(operator, message_id) == "uncertain"


async def test_past_the_horizon_a_copy_needs_to_be_allowed(operator: Any, worker: Make) -> None:
    (message_id,) = await uncertain(operator, worker())
    await forget(operator)
    planned = await replay.plan(operator, Filters(states=("uncertain",)))
    assert planned.steps == {Step.RESEND: ReplayCount(1, 1)}
    with pytest.raises(NotPossible, match="nothing to replay"):
        await replay.begin(operator, planned, actor=ALICE)
    with pytest.raises(NotPossible, match="because is required"):
        await replay.begin(operator, planned, actor=ALICE, allow_duplicates=True)
    assert await state(operator, message_id) == "uncertain"


async def test_an_allowed_copy_is_a_new_generation_under_a_new_id(operator: Any, worker: Make) -> None:
    one = worker()
    first, second = await uncertain(operator, one, 2)
    await forget(operator)
    done = await replayed(operator, Filters(ids=(first,)), allow_duplicates=True)
    assert done.resent == 1
    assert (await row(operator, first))["generation"] == 1
    assert await state(operator, first) == "ready"
    assert await state(operator, second) == "uncertain"
    assert await operator.fetchval("select pending_receipts from smsgw.request where status = 'uncertain'") == 1
    await one.send_all()
    assert len({request for request, _ in one.provider.sent}) == 2
    assert await state(operator, first) == "accepted"


async def test_a_request_that_lost_a_member_to_a_copy_is_never_repeated_whole(operator: Any, worker: Make) -> None:
    # Under its old id it would go to both, and the copy is on its way already.
    first, second = await uncertain(operator, worker(), 2)
    await operator.execute("update smsgw.request set maybe_arrived_at = now() - interval '1 hour'")
    await replayed(operator, Filters(ids=(first,)), allow_duplicates=True)
    await operator.execute("update smsgw.request set maybe_arrived_at = now() where status = 'uncertain'")
    planned = await replay.plan(operator, Filters(ids=(second,)))
    assert planned.steps == {Step.RESEND: ReplayCount(1, 1)}


@pytest.mark.parametrize("status", ["undelivered", "undeliverable", "rejected", "failed"])
async def test_what_a_carrier_refused_is_sent_again_only_as_a_copy(operator: Any, worker: Make, status: str) -> None:
    (message_id,) = await accepted(operator, worker())
    await deliver(operator, message_id, status)
    assert (await replay.plan(operator, Filters(ids=(message_id,)))).steps == {Step.RESEND: ReplayCount(1, 1)}
    await replayed(operator, Filters(ids=(message_id,)), allow_duplicates=True)
    after = await row(operator, message_id)
    assert (after["delivery_status"], after["final_at"], after["generation"]) == ("none", None, 1)


async def test_what_was_delivered_or_is_on_its_way_is_left_alone(operator: Any, worker: Make) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    one, other = await accepted(operator, worker(), 2)
    await deliver(operator, one)
    waiting = await enqueue(operator)
    planned = await replay.plan(operator, Filters(ids=(one, other, waiting)))
    assert planned.found == 0
    with pytest.raises(NotPossible, match="cannot replay"):
        await replay.plan(operator, Filters(states=("delivered",)))


async def test_a_time_to_live_is_never_reset_without_new_ttl(operator: Any, worker: Make) -> None:
    (message_id,) = await expired(operator)
    planned = await replay.plan(operator, Filters(states=("expired",)))
    assert planned.steps == {Step.EXPIRED: ReplayCount(1, 1)}
    await replayed(operator, Filters(states=("expired",)), new_ttl=3600.0)
    left = (await row(operator, message_id))["expires_at"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert await state(operator, message_id) == "ready"


async def test_a_repetition_is_not_made_for_a_member_whose_time_is_over(operator: Any, worker: Make) -> None:
    first, second = await uncertain(operator, worker(), 2)
    await operator.execute("update smsgw.outbox set expires_at = now() where id = $1", second)
    assert (await replay.plan(operator, Filters(ids=(first,)))).steps == {Step.EXPIRED: ReplayCount(1, 1)}


async def test_a_late_receipt_takes_a_replayed_message_back(operator: Any, worker: Make, pool: Any) -> None:
    from gateway.receipts.applier import ReceiptApplier

    (message_id,) = await failed(operator, worker())
    request = (await row(operator, message_id))["request_id"]
    await replayed(operator, Filters(states=("failed",)))
    await operator.execute(
        "insert into smsgw.receipt "
        "(source, event, digest, raw, number, external_id, request_id, generation, delivery_status) "
        "values ('webhook', 'delivery-status', sha256('x'), '{}', '+12025550000', 'x', $1, 0, 'delivered')",
        request,
    )
    await ReceiptApplier(pool).apply_some()
    other = worker()
    await other.send_all()
    assert other.provider.sent == []
    assert await state(operator, message_id) == "delivered"


async def test_a_receipt_between_plan_and_batch_leaves_the_message_out(operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    planned = await replay.plan(operator, Filters(states=("failed",)))
    begun = await replay.begin(operator, planned, actor=ALICE)
    await operator.execute(
        "update smsgw.outbox set terminal_status = null, delivery_status = 'delivered' where id = $1", message_id
    )
    done = await replay.run(operator, begun.id)
    assert (done.done, await state(operator, message_id)) == (0, "delivered")


async def test_two_replays_of_the_same_messages_send_each_once(operator: Any, worker: Make, database: Any) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    one = worker()
    made = await failed(operator, one, 20, code=400)
    planned = await replay.plan(operator, Filters(states=("failed",)))
    first = await replay.begin(operator, planned, actor=ALICE)
    second = await replay.begin(operator, planned, actor="bob@host")
    other = await connect(database.dsn, purpose="test")
    try:
        done = await asyncio.gather(replay.run(operator, first.id), replay.run(other, second.id))
    finally:
        await other.close()
    assert sum(each.done for each in done) == len(made)
    await one.send_all()
    assert len(one.provider.sent) == 2 * len(made)


async def test_two_who_go_on_with_one_replay_take_turns(operator: Any, worker: Make, database: Any) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    made = await failed(operator, worker(), 20, code=400)
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    other = await connect(database.dsn, purpose="test")
    try:
        done = await asyncio.gather(
            *(replay.run(connection, begun.id, per_second=3, sleep=_at_once) for connection in (operator, other))
        )
    finally:
        await other.close()
    assert max(each.done for each in done) == len(made)


async def test_a_claim_that_holds_a_message_is_waited_for_and_wins(operator: Any, worker: Make, pool: Any) -> None:
    (message_id,) = await failed(operator, worker())
    planned = await replay.plan(operator, Filters(states=("failed",)))
    first = await replay.begin(operator, planned, actor=ALICE)
    second = await replay.begin(operator, planned, actor=ALICE)
    async with pool.acquire() as another, another.transaction():
        # What another replay and the claim after it do, not committed yet.
        await replay.step(another, first.id)
        late = asyncio.create_task(replay.run(operator, second.id))
        async with pool.acquire() as watcher:
            await someone_waits(watcher)
    assert (await late).done == 0
    assert await state(operator, message_id) == "ready"


async def test_a_replay_that_was_interrupted_goes_on_and_takes_nothing_twice(operator: Any, worker: Make) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    one = worker()
    made = await failed(operator, one, 6, code=400)
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    half = await replay.step(operator, begun.id, limit=3)
    assert (half.replayed, half.finished_at) == (3, None)
    # What was replayed fails again: it is not meant a second time.
    one.provider.answers.extend([status(400)] * 3)
    await one.send_all()
    done = await replay.run(operator, begun.id)
    assert done.replayed == len(made)
    assert sorted([await state(operator, each) for each in made]) == ["failed"] * 3 + ["ready"] * 3
    assert (await replay.run(operator, begun.id)).replayed == len(made)


async def test_what_failed_after_the_count_is_not_meant(operator: Any, worker: Make) -> None:
    one = worker()
    await failed(operator, one)
    planned = await replay.plan(operator, Filters(states=("failed",)))
    begun = await replay.begin(operator, planned, actor=ALICE)
    await operator.execute("update smsgw.outbox set final_at = now() + interval '1 second'")
    assert (await replay.run(operator, begun.id)).done == 0


async def test_a_batch_that_dies_leaves_neither_a_change_nor_a_place(operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    transaction = operator.transaction()
    await transaction.start()
    await replay.step(operator, begun.id)
    await transaction.rollback()
    assert await state(operator, message_id) == "failed"
    assert (await replay.run(operator, begun.id)).replayed == 1


async def test_a_stopped_replay_stands(operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    await replay.stop(operator, begun.id, actor=ALICE, because="a mistake")
    with pytest.raises(NotPossible, match="stopped"):
        await replay.run(operator, begun.id)
    assert await state(operator, message_id) == "failed"
    assert [each.stopped for each in await replay.latest(operator)] == [True]


async def test_the_pace_is_kept_between_batches(operator: Any, worker: Make) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    await failed(operator, worker(), 5, code=400)
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    done = await replay.run(operator, begun.id, per_second=2, sleep=sleep, monotonic=lambda: 0.0)
    assert (done.done, waits) == (5, [1.0, 1.0])


async def test_each_batch_is_on_record_with_its_messages(operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    done = await replayed(operator, Filters(states=("failed",)))
    record = await operator.fetchrow("select * from smsgw.operator_action where action = 'replay'")
    assert (record["actor"], record["reason"], record["message_ids"]) == (ALICE, "test", [message_id])
    assert record["detail"] == {"replay": done.id, "released": 1}


async def test_a_sleeping_gateway_is_woken(operator: Any, worker: Make, connection: Any) -> None:
    await failed(operator, worker())
    rung = asyncio.Event()
    await connection.add_listener("smsgw_outbox", lambda *_: rung.set())
    await replayed(operator, Filters(states=("failed",)))
    async with asyncio.timeout(120):
        await rung.wait()


def test_filters_come_back_from_json_as_they_were() -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    filters = Filters(states=("failed",), tag="a=b", since=moment, ended_until=moment, ids=(1, 2), status=402)
    assert from_json(json.loads(json.dumps(to_json(filters)))) == filters


def test_a_stored_filter_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="campaign"):
        from_json({"states": ["failed"], "campaign": "may"})


async def test_a_replay_of_a_newer_release_is_not_continued(operator: Any, worker: Make) -> None:
    await failed(operator, worker())
    begun = await replay.begin(operator, await replay.plan(operator, Filters(states=("failed",))), actor=ALICE)
    await operator.execute('update smsgw.replay set filters = filters || \'{"campaign": "may"}\'')
    with pytest.raises(NotPossible, match="newer release"):
        await replay.step(operator, begun.id)


async def test_a_phone_number_is_not_stored(operator: Any) -> None:
    planned = replay.Plan(Filters(number="+12025550123"), None, {Step.RELEASE: ReplayCount(1, 1)}, 0, 1)
    with pytest.raises(NotPossible, match="cannot store a phone number"):
        await replay.begin(operator, planned, actor=ALICE)


async def test_a_pause_does_not_hide_what_is_uncertain(operator: Any, worker: Make) -> None:
    await uncertain(operator, worker())
    await operator.execute("insert into smsgw.pause (scope, actor, reason) values ('all', 'x', 'y')")
    assert (await replay.plan(operator, Filters())).steps == {Step.REPEAT: ReplayCount(1, 1)}


async def test_refused_again_after_a_repetition_stays_uncertain(operator: Any, worker: Make) -> None:
    one = worker()
    (message_id,) = await uncertain(operator, one)
    await replayed(operator, Filters(states=("uncertain",)))
    one.provider.answers.append(status(403))
    await make_due(operator)
    await one.send_all()
    assert await state(operator, message_id) == "uncertain"


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)
