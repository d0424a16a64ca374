"""What goes first, what waits for what, and what must not stand in whose way."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, age, enqueue, grant, make_due, state

from gateway.dispatch.budget import Limits
from gateway.store import lanes, pauses
from gateway.store.buckets import Limit
from gateway.store.pauses import Scope

Make = Callable[..., Any]


def bodies(worker: Any) -> list[str]:
    return [body.decode() for _, body in worker.wire.sent]


async def test_a_number_without_tokens_does_not_stand_in_the_way_of_another(filled: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, paced=True))
    for n in range(50):
        await enqueue(filled, n, sender_id=7)
    await one.claim()
    await grant(filled, "mta:parts:7", -100.0)
    other = await enqueue(filled, 99, sender_id=8)
    await one.claim()  # makes the bucket of 8, which starts empty
    await grant(filled, "mta:parts:8", 1.0)
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages] == [other]


async def test_a_pace_lets_one_long_message_borrow_and_then_waits(filled: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, paced=True))
    await enqueue(filled, 2, body="y" * 400)
    await one.claim()
    await grant(filled, "mta:parts:1", 1.0)
    await enqueue(filled, 3)
    assert len(await one.claim()) == 1
    claimed = await one.claimer.claim(10)
    assert claimed.attempts == []
    assert 1.0 < claimed.wait < 4.0


async def test_a_daily_quota_is_never_passed_not_even_by_a_long_message(filled: Any, worker: Make) -> None:
    one = worker(parts_per_day=Limit("day", 3.0, 86400.0, quota=True))
    long, short, late = [await enqueue(filled, n, body="y" * size) for n, size in ((1, 600), (2, 5), (3, 400))]
    await one.turn()
    assert [await state(filled, each) for each in (long, short, late)] == ["ready", "accepted", "ready"]


async def test_a_message_that_waits_for_tomorrow_lets_other_numbers_go(filled: Any, worker: Make) -> None:
    one = worker(parts_per_day=Limit("day", 1.0, 86400.0, quota=True))
    await enqueue(filled, 1, sender_id=7)
    waiting, other = await enqueue(filled, 2, sender_id=7), await enqueue(filled, 3, sender_id=8)
    await one.turn()
    assert (await state(filled, waiting), await state(filled, other)) == ("ready", "accepted")


async def test_an_urgent_lane_cannot_use_more_than_its_cap(filled: Any, worker: Make) -> None:
    one = worker(limit=40)
    for n in range(20):
        await enqueue(filled, n, lane="otp")
    await one.claim()
    bulk = await enqueue(filled, 99, lane="bulk")
    await grant(filled, "mta:lane:otp", 2.0)
    await grant(filled, "mta:requests", 4.0)
    attempts = await one.claim()
    assert sorted(attempt.lane for attempt in attempts) == ["bulk", "otp", "otp"]
    assert await state(filled, bulk) == "sending"


async def test_a_new_cap_holds_from_the_next_claim_on(filled: Any, worker: Make) -> None:
    one = worker(limit=1000)
    await enqueue(filled, 1, lane="otp")
    await one.claim()
    await lanes.change(filled, "otp", {"cap_percent": 30})
    await enqueue(filled, 2, lane="otp")
    await one.claim()
    assert await filled.fetchval("select allowance from smsgw.bucket where name = 'mta:lane:otp'") == 300.0


async def test_after_an_outage_the_newest_login_code_goes_first(filled: Any, worker: Make) -> None:
    one = worker()
    for number, seconds in ((1, 200.0), (2, 30.0), (3, 1.0)):
        await age(filled, await enqueue(filled, number, lane="otp", body=f"code {number}"), seconds)
    await one.finish(*await one.claim(1))
    await one.claim()
    assert "code 3" in bodies(one)[0]


async def test_login_codes_go_in_order_while_they_are_fresh(filled: Any, worker: Make) -> None:
    one = worker()
    for number in (1, 2, 3):
        await enqueue(filled, number, lane="otp", body=f"code {number}")
    await one.finish(*await one.claim(1))
    assert "code 1" in bodies(one)[0]


async def test_bulk_goes_oldest_first_however_old(filled: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for number, seconds in ((1, 50 * 3600.0), (2, 1.0)):
        await age(filled, await enqueue(filled, number, lane="bulk", body=f"news {number}"), seconds)
    await one.finish(*await one.claim(1))
    assert "news 1" in bodies(one)[0]


async def test_a_paused_tag_stands_aside_and_comes_back(filled: Any, worker: Make) -> None:
    one = worker()
    held = [await enqueue(filled, n, lane="bulk", tags={"campaign": "may"}) for n in range(3)]
    other = await enqueue(filled, 9, lane="bulk", tags={"campaign": "june"})
    await pauses.pause(filled, Scope.TAG, "campaign=may", actor="test", reason="a wrong price")
    await one.turn()
    assert [await state(filled, each) for each in held] == ["held"] * 3
    assert await state(filled, other) == "accepted"
    assert await filled.fetchval("select count(*) from smsgw.outbox where parked_by is not null") == 3
    await pauses.resume(filled, Scope.TAG, "campaign=may")
    await worker().turn()
    assert [await state(filled, each) for each in held] == ["accepted"] * 3


async def test_a_message_that_is_held_by_its_tag_expires_all_the_same(filled: Any, worker: Make) -> None:
    one = worker()
    message_id = await enqueue(filled, lane="bulk", tags={"campaign": "may"})
    await pauses.pause(filled, Scope.TAG, "campaign", actor="test", reason="a wrong price")
    await one.turn()
    await age(filled, message_id, 80 * 3600.0)
    await worker().turn()
    assert await state(filled, message_id) == "expired"


async def test_five_silences_open_the_breaker_for_every_replica(filled: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.wire.answers.extend([LOST] * 5)
    for n in range(6):
        await enqueue(filled, n)
    await one.finish(*await one.claim(5))
    claimed = await other.claimer.claim(10)
    assert claimed.attempts == []
    assert claimed.only_tokens_missing


async def test_one_live_message_probes_and_its_answer_lets_all_flow(filled: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.wire.answers.extend([LOST] * 5)
    for n in range(10):
        await enqueue(filled, n)
    await one.finish(*await one.claim(5))
    await filled.execute("update smsgw.route set retry_at = now()")
    await filled.execute(
        "update smsgw.request set lease_expires_at = now() + interval '1 hour' where claim_token is not null"
    )
    (probe,) = await one.claim()
    assert probe.probe
    assert (await other.claimer.claim(10)).attempts == []
    await one.finish(probe)
    assert len(await other.claim()) == 4


async def test_a_probe_that_fails_uses_up_no_attempt_of_its_message(filled: Any, worker: Make) -> None:
    one = worker(recipients=1)
    one.wire.answers.extend([LOST] * 6)
    for n in range(6):
        await enqueue(filled, n)
    await one.finish(*await one.claim(5))
    await filled.execute("update smsgw.route set retry_at = now()")
    await filled.execute("update smsgw.request set available_at = now() where status = 'in_flight'")
    await one.finish(*await one.claim())
    assert await filled.fetchval("select sum(ambiguous_attempts) from smsgw.request") == 5
    assert await filled.fetchval("select retry_at > now() + interval '3 seconds' from smsgw.route")


async def test_what_may_kill_workers_is_tried_alone(filled: Any, worker: Make) -> None:
    for n in range(3):
        await enqueue(filled, n)
    for _ in range(2):
        await worker(recipients=1).claim()
        await make_due(filled)
    busy = await worker(recipients=1).claimer.claim(10, idle=False)
    assert busy.suspects_due
    assert busy.attempts == []
    idle = await worker(recipients=1).claimer.claim(10, idle=True)
    assert len(idle.attempts) == 1


async def test_the_very_first_login_code_finds_its_lanes_cap_full(filled: Any, worker: Make) -> None:
    await enqueue(filled, 1, lane="otp")
    (attempt,) = await worker(limit=25, window=15.0).claim()
    assert attempt.lane == "otp"
    assert await filled.fetchval("select tokens from smsgw.bucket where name = 'mta:lane:otp'") >= 1.0


async def test_a_cap_follows_the_limit_that_another_replica_was_told(filled: Any, worker: Make) -> None:
    one, other = worker(limit=1000, window=3600.0), worker(limit=1000, window=3600.0)
    for each in (one, other):
        await enqueue(filled, 1, lane="otp")
        await each.claim()
    one.claimer.change_limits(Limits("mta", (Limit("mta:requests", 100.0, 3600.0),)))
    await enqueue(filled, 2, lane="bulk")
    await one.claim()
    await filled.execute("update smsgw.bucket set tokens = 50, counted_at = now()")
    for n in range(20):
        await enqueue(filled, n, lane="otp")
    # 80 % of 100: a burst of eight; of 1000 it would be eighty.
    assert len(await other.claim(50)) == 8


async def test_a_new_limit_holds_for_every_replica_from_the_next_claim_on(filled: Any, worker: Make) -> None:
    one, other = worker(limit=1000, window=3600.0, recipients=1), worker(limit=1000, window=3600.0, recipients=1)
    for n in range(20):
        await enqueue(filled, n)
    await one.claim(1)
    await other.claim(1)
    one.claimer.change_limits(Limits("mta", (Limit("mta:requests", 50.0, 3600.0),)))
    await one.claim(1)
    await grant(filled, "mta:requests", 1000.0)
    assert len(await other.claim(50)) == 5


async def test_a_new_weight_holds_from_the_next_claim_on(filled: Any, worker: Make) -> None:
    await lanes.change(filled, "bulk", {"weight": 4})
    one = worker(recipients=1)
    for n in range(20):
        await enqueue(filled, n, lane="default")
        await enqueue(filled, 100 + n, lane="bulk")
    attempts = await one.claim(10)
    assert sorted(Counter(attempt.lane for attempt in attempts).values()) == [5, 5]


async def test_lanes_share_by_weight_over_many_claims(filled: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for n in range(30):
        await enqueue(filled, n, lane="default")
        await enqueue(filled, 100 + n, lane="bulk")
    served: Counter[str] = Counter()
    for _ in range(25):
        served.update(attempt.lane for attempt in await one.claim(1))
    assert served == {"default": 20, "bulk": 5}


async def test_a_lane_that_forbids_it_shares_no_request(filled: Any, worker: Make) -> None:
    await lanes.change(filled, "default", {"coalesce": False})
    for n in range(5):
        await enqueue(filled, n)
    (attempt,) = await worker().claim(1)
    assert attempt.recipients == 1


async def test_nothing_is_taken_of_any_bucket_where_one_is_empty(filled: Any, worker: Make) -> None:
    one = worker(limit=20, window=3600.0, parts=Limit("parts", 60.0, 3600.0, paced=True))
    await enqueue(filled, 1)
    await one.claim()
    await grant(filled, "mta:requests", 2.0)
    await grant(filled, "mta:parts:1", 0.0)
    assert await one.claim() == []
    await grant(filled, "mta:parts:1", 1.0)
    await grant(filled, "mta:requests", 0.0)
    assert await one.claim() == []
    assert await filled.fetchval("select count(*) from smsgw.request") == 0
    assert await filled.fetchval("select round(tokens::numeric, 1) from smsgw.bucket where name = 'mta:parts:1'") == 1
    await grant(filled, "mta:requests", 1.0)
    assert len(await one.claim()) == 1


async def test_what_has_expired_goes_off_the_table_before_anything_is_claimed(filled: Any, worker: Make) -> None:
    await filled.execute(
        "insert into smsgw.outbox (to_number, body, not_before, expires_at) select '+12025550100', 'x', "
        "now() - interval '2 hours', now() - interval '1 hour' from generate_series(1, 2500)"
    )
    message_id, one = await enqueue(filled, 1), worker()
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages] == [message_id]
    # One look takes a bounded time; what is left of a long outage is done before the next claims.
    while await filled.fetchval(
        "select exists (select from smsgw.outbox where terminal_status is null and request_id is null)"
    ):
        await one.claim()
    assert await filled.fetchval("select count(*) from smsgw.message where state = 'expired'") == 2500


async def test_a_scheduled_message_waits_for_its_time_and_for_nothing_else(filled: Any, worker: Make) -> None:
    one = worker()
    message_id = await filled.fetchval(
        "select smsgw.enqueue(to_number => '+12025550100', body => 'x', not_before => now() + interval '1 hour')"
    )
    assert await one.claim() == []
    assert await state(filled, message_id) == "scheduled"
    await age(filled, message_id, 3601.0)
    assert len(await one.claim()) == 1


@pytest.mark.parametrize(
    ("scope", "subject"), [(Scope.ALL, ""), (Scope.ROUTE, "mta"), (Scope.LANE, "bulk"), (Scope.TENANT, "t")]
)
async def test_a_pause_holds_messages_and_retries_and_costs_no_attempt(
    filled: Any, worker: Make, scope: Scope, subject: str
) -> None:
    one = worker(recipients=1)
    one.wire.answers.append(LOST)
    first = await enqueue(filled, 1, lane="bulk", tenant="t")
    await one.turn()
    second = await enqueue(filled, 2, lane="bulk", tenant="t")
    await pauses.pause(filled, scope, subject, actor="test", reason="a test")
    await make_due(filled)
    for _ in range(3):
        assert await one.claim() == []
    assert await filled.fetchval("select attempts from smsgw.request") == 1
    await pauses.resume(filled, scope, subject)
    await one.turn()
    assert [await state(filled, first), await state(filled, second)] == ["accepted", "accepted"]
