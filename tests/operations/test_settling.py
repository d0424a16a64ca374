"""Resolving, cancelling, pausing, lanes and suppression: each change is on record, and refuses what it must."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from support.operating import accepted, failed, forget, someone_waits, uncertain
from support.outbox import UNREACHED, enqueue, state

from gateway.operations import NotPossible, lanes, pause, resolve, suppression
from gateway.operations.cancel import cancel, cancel_matching
from gateway.operations.pause import Scope
from gateway.operations.resolve import Resolution
from gateway.store import actions, suppressions
from gateway.store.filters import Filters

Make = Callable[..., Any]
ALICE = "alice@host"


async def test_what_arrived_is_accepted_with_all_its_neighbours(operator: Any, worker: Make) -> None:
    one = worker()
    made = await uncertain(operator, one, 3)
    done = await resolve.resolve(operator, made[1], Resolution.ACCEPTED, actor=ALICE, because="the customer has it")
    assert done.messages == tuple(made)
    assert [await state(operator, each) for each in made] == ["accepted"] * 3
    assert await operator.fetchval("select body from smsgw.request") is None
    before = len(one.provider.sent)
    await one.send_all()
    assert len(one.provider.sent) == before


async def test_what_did_not_arrive_has_failed_and_can_be_replayed(operator: Any, worker: Make) -> None:
    made = await uncertain(operator, worker(), 2)
    await resolve.resolve(operator, made[0], Resolution.FAILED, actor=ALICE, because="not in the provider's list")
    assert [await state(operator, each) for each in made] == ["failed"] * 2


async def test_a_resend_is_a_new_generation(operator: Any, worker: Make) -> None:
    made = await uncertain(operator, worker(), 2)
    await forget(operator)
    await resolve.resolve(operator, made[0], Resolution.RESEND, actor=ALICE, because="better twice than never")
    assert [await state(operator, each) for each in made] == ["ready"] * 2
    assert await operator.fetchval("select min(generation) from smsgw.outbox") == 1
    assert await operator.fetchval("select pending_receipts from smsgw.request") == 0


async def test_a_resend_of_what_is_over_asks_for_a_time_to_live(operator: Any, worker: Make) -> None:
    (message_id,) = await uncertain(operator, worker())
    await operator.execute("update smsgw.outbox set expires_at = now()")
    with pytest.raises(NotPossible, match="new-ttl"):
        await resolve.resolve(operator, message_id, Resolution.RESEND, actor=ALICE, because="x")
    await resolve.resolve(operator, message_id, Resolution.RESEND, actor=ALICE, because="x", new_ttl=60.0)
    assert await state(operator, message_id) == "ready"


async def test_only_what_is_uncertain_is_resolved(operator: Any, worker: Make) -> None:
    (message_id,) = await accepted(operator, worker())
    for settled in (message_id, 4711):
        with pytest.raises(NotPossible, match="not uncertain"):
            await resolve.resolve(operator, settled, Resolution.FAILED, actor=ALICE, because="x")
    with pytest.raises(NotPossible, match="because is required"):
        await resolve.resolve(operator, message_id, Resolution.FAILED, actor=ALICE, because="")


async def test_a_receipt_that_comes_first_wins_over_a_person(operator: Any, worker: Make, pool: Any) -> None:
    (message_id,) = await uncertain(operator, worker())
    async with pool.acquire() as fold, fold.transaction():
        await fold.execute("select from smsgw.request for update")
        late = asyncio.create_task(
            resolve.resolve(operator, message_id, Resolution.FAILED, actor=ALICE, because="too early to say")
        )
        async with pool.acquire() as watcher:
            await someone_waits(watcher)
        await fold.execute("update smsgw.request set status = 'accepted', accepted_at = now(), body = null")
    with pytest.raises(NotPossible, match="not uncertain"):
        await late
    assert await state(operator, message_id) == "accepted"


async def test_what_waits_is_called_back(operator: Any, worker: Make) -> None:
    made = [await enqueue(operator, index) for index in range(3)]
    done = await cancel(operator, made[:2], actor=ALICE, because="a mistake")
    assert (done.ids, dict(done.refused)) == (tuple(made[:2]), {})
    assert [await state(operator, each) for each in made] == ["cancelled", "cancelled", "ready"]
    one = worker()
    await one.send_all()
    assert len(one.provider.sent) == 1


async def test_what_never_left_is_called_back_and_its_neighbours_go_on(operator: Any, worker: Make) -> None:
    one = worker()
    made = [await enqueue(operator, index) for index in range(3)]
    one.provider.answers.append(UNREACHED)
    await one.complete(*await one.claim(1))
    assert await state(operator, made[0]) == "retrying"
    assert (await cancel(operator, made[:1], actor=ALICE, because="x")).ids == (made[0],)
    await one.send_all()
    assert [await state(operator, each) for each in made] == ["cancelled", "accepted", "accepted"]


async def test_a_message_that_may_have_been_sent_is_not_cancelled(operator: Any, worker: Make) -> None:
    (unknown,) = await uncertain(operator, worker())
    sending = await enqueue(operator)
    await worker().claim()
    (ended,) = await failed(operator, worker(), code=400)
    done = await cancel(operator, [unknown, sending, ended, 4711], actor=ALICE, because="x")
    assert done.ids == ()
    assert {number: why.partition(",")[0] for number, why in done.refused.items()} == {
        unknown: "not cancelled: it may have been sent already",
        sending: "not cancelled: it is being sent now; try again in a minute",
        ended: "not cancelled: it is already final",
        4711: "there is no such message",
    }


async def test_a_whole_campaign_is_called_back_in_batches(operator: Any) -> None:
    for index in range(30):
        await enqueue(operator, index, tags={"campaign": "may" if index % 2 else "june"})
    assert await cancel_matching(operator, Filters(tag="campaign=may"), actor=ALICE, because="x") == 15
    assert await cancel_matching(operator, Filters(tag="campaign=may"), actor=ALICE, because="x") == 0


async def test_the_first_reason_of_a_pause_stays(operator: Any) -> None:
    made = await pause.pause(operator, Scope.LANE, "bulk", actor=ALICE, because="too many complaints", seconds=60.0)
    assert made.expires_at is not None
    with pytest.raises(NotPossible, match=r"already paused by alice@host: too many complaints"):
        await pause.pause(operator, Scope.LANE, "bulk", actor="bob@host", because="another")
    assert [pause.reason for pause in await pause.list_pauses(operator)] == ["too many complaints"]
    assert (await pause.resume(operator, Scope.LANE, "bulk", actor="bob@host")).reason == "too many complaints"
    with pytest.raises(NotPossible, match="is not paused"):
        await pause.resume(operator, Scope.LANE, "bulk", actor=ALICE)
    assert [entry.action for entry in await actions.list_actions(operator)] == ["resume", "pause"]


@pytest.mark.parametrize(("scope", "subject"), [(Scope.ALL, "x"), (Scope.TAG, "")])
async def test_a_scope_and_its_subject_must_fit(operator: Any, scope: Scope, subject: str) -> None:
    with pytest.raises(NotPossible, match=r"takes no name|needs the name"):
        await pause.pause(operator, scope, subject, actor=ALICE, because="x")


@pytest.mark.parametrize(
    ("scope", "subject", "there_are"), [(Scope.LANE, "bluk", "otp, .*bulk"), (Scope.ROUTE, "mat", "mta")]
)
async def test_a_misspelt_name_is_no_pause(operator: Any, scope: Scope, subject: str, there_are: str) -> None:
    with pytest.raises(NotPossible, match=f"there is no {scope.value} {subject}; known: .*{there_are}"):
        await pause.pause(operator, scope, subject, actor=ALICE, because="x")
    assert await pause.list_pauses(operator) == []


async def test_a_lane_reports_its_invalid_value_and_needs_a_value(operator: Any) -> None:
    with pytest.raises(NotPossible, match="ttl must be"):
        await lanes.change(operator, "bulk", {"ttl": 0.0}, actor=ALICE)
    with pytest.raises(NotPossible, match="nothing to change"):
        await lanes.change(operator, "bulk", {}, actor=ALICE)


async def test_a_lane_is_changed_made_and_refused(operator: Any) -> None:
    assert not await lanes.change(operator, "bulk", {"weight": 7}, actor=ALICE)
    assert await lanes.change(operator, "news", {"ttl": 60.0}, actor=ALICE)
    assert {lane.name: lane.weight for lane in await lanes.list_lanes(operator)}["bulk"] == 7
    with pytest.raises(NotPossible, match="invalid lane name"):
        await lanes.change(operator, "News!", {}, actor=ALICE)
    with pytest.raises(NotPossible, match="unknown lane setting: colour"):
        await lanes.change(operator, "news", {"colour": "red"}, actor=ALICE)


async def test_the_log_says_how_many_numbers_and_never_which(operator: Any) -> None:
    numbers = [f"+1202555{index:04}" for index in range(2500)]
    assert await suppression.add_many(operator, numbers, actor=ALICE, because="a list", source="import") == 2500
    assert not await suppression.add(operator, numbers[0], actor=ALICE, because="again")
    await suppression.remove(operator, numbers[0], actor=ALICE, because="consented by letter")
    entries = await actions.list_actions(operator, actor=ALICE)
    assert [entry.detail["numbers"] for entry in entries] == [1, 500, 1000, 1000]
    assert "555" not in repr([entry.detail for entry in entries])
    assert len(await suppressions.list_numbers(operator, limit=5)) == 5


async def test_the_log_can_only_grow(operator: Any) -> None:
    await pause.pause(operator, Scope.ALL, "", actor=ALICE, because="x")
    for role in ("smsgw_operator", "smsgw_gateway", "smsgw_app", "smsgw_reader"):
        for statement in ("update smsgw.operator_action set actor = 'nobody'", "delete from smsgw.operator_action"):
            async with operator.transaction():
                await operator.execute(f"set local role {role}")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with operator.transaction():
                        await operator.execute(statement)


async def test_the_operators_role_suffices(operator: Any, worker: Make) -> None:
    from gateway.operations import replay

    made = await uncertain(operator, worker())
    (other,) = await failed(operator, worker(), code=400)
    waiting = await enqueue(operator)
    await operator.execute("set role smsgw_operator")
    await resolve.resolve(operator, made[0], Resolution.RESEND, actor=ALICE, because="x")
    await cancel(operator, [waiting], actor=ALICE, because="x")
    planned = await replay.plan(operator, Filters(ids=(other,)))
    begun = await replay.begin(operator, planned, actor=ALICE)
    assert (await replay.run(operator, begun.id)).done == 1
    await pause.pause(operator, Scope.ALL, "", actor=ALICE, because="x")
    await suppression.add(operator, "+12025550123", actor=ALICE, because="x")
    await operator.execute("reset role")
