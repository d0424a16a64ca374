"""Limits, caps, weights and pauses: what is sent first, and what must not delay what."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import LOST, age, enqueue, grant, make_due, state

from gateway.dispatch.budget import Limits
from gateway.store import lanes, pauses
from gateway.store.buckets import Limit, LimitKind
from gateway.store.pauses import Scope

Make = Callable[..., Any]

EMPTY = "delete from smsgw.attempt; delete from smsgw.request; update smsgw.outbox set request_id = null"


def bodies(worker: Any) -> list[str]:
    return [body.decode() for _, body in worker.provider.sent]


async def test_a_sender_without_tokens_does_not_delay_another_sender(db: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE))
    for n in range(50):
        await enqueue(db, n, sender_id=7)
    await one.claim()
    await grant(db, "mta:parts:7", -100.0)
    other = await enqueue(db, 99, sender_id=8)
    one = worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE))
    await one.claim()  # creates the bucket of sender 8, which starts empty
    await grant(db, "mta:parts:8", 1.0)
    (attempt,) = await worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE)).claim()
    assert [message.id for message in attempt.messages] == [other]


async def test_a_pace_lets_one_long_message_borrow_and_then_waits(db: Any, worker: Make) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE))
    await enqueue(db, 2, body="y" * 400)
    await worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE)).claim(0)
    await one.claim(0)
    await db.execute("delete from smsgw.bucket where name like 'mta:parts:%'")
    await db.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, tokens) values ('mta:parts:1', 'pace', 60, 60, 1)"
    )
    await enqueue(db, 3)
    assert len(await one.claim()) == 1
    claimed = await one.claimer.claim(10)
    assert claimed.attempts == []
    assert 1.0 < claimed.wait < 4.0


async def test_a_daily_quota_is_never_exceeded_even_by_a_long_message(db: Any, worker: Make) -> None:
    one = worker(parts_per_day=Limit("day", 3.0, 86400.0, shared=False))
    long, short, late = [await enqueue(db, n, body="y" * size) for n, size in ((1, 600), (2, 5), (3, 400))]
    await one.send_all()
    assert [await state(db, each) for each in (long, short, late)] == ["ready", "accepted", "ready"]


async def test_a_sender_at_its_quota_does_not_delay_another_sender(db: Any, worker: Make) -> None:
    one = worker(parts_per_day=Limit("day", 1.0, 86400.0, shared=False))
    await enqueue(db, 1, sender_id=7)
    waiting, other = await enqueue(db, 2, sender_id=7), await enqueue(db, 3, sender_id=8)
    await one.send_all()
    assert (await state(db, waiting), await state(db, other)) == ("ready", "accepted")


async def test_after_an_outage_the_newest_login_code_goes_first(db: Any, worker: Make) -> None:
    one = worker()
    for number, seconds in ((1, 200.0), (2, 30.0), (3, 1.0)):
        await age(db, await enqueue(db, number, lane="otp", body=f"code {number}"), seconds)
    await one.complete(*await one.claim(1))
    await one.claim()
    assert "code 3" in bodies(one)[0]


async def test_fresh_login_codes_go_in_order(db: Any, worker: Make) -> None:
    one = worker()
    for number in (1, 2, 3):
        await enqueue(db, number, lane="otp", body=f"code {number}")
    await one.complete(*await one.claim(1))
    assert "code 1" in bodies(one)[0]


async def test_bulk_messages_go_oldest_first(db: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for number, seconds in ((1, 50 * 3600.0), (2, 1.0)):
        await age(db, await enqueue(db, number, lane="bulk", body=f"news {number}"), seconds)
    await one.complete(*await one.claim(1))
    assert "news 1" in bodies(one)[0]


async def test_messages_of_a_paused_tag_are_parked_and_unparked(db: Any, worker: Make) -> None:
    one = worker()
    held = [await enqueue(db, n, lane="bulk", tags={"campaign": "may"}) for n in range(3)]
    other = await enqueue(db, 9, lane="bulk", tags={"campaign": "june"})
    await pauses.pause(db, Scope.TAG, "campaign=may", actor="test", reason="a wrong price")
    await one.send_all()
    assert [await state(db, each) for each in held] == ["held"] * 3
    assert await state(db, other) == "accepted"
    assert await db.fetchval("select count(*) from smsgw.outbox where parked_by is not null") == 3
    await pauses.resume(db, Scope.TAG, "campaign=may")
    await worker().send_all()
    assert [await state(db, each) for each in held] == ["accepted"] * 3


async def test_a_message_of_a_paused_tag_still_expires(db: Any, worker: Make) -> None:
    one = worker()
    message_id = await enqueue(db, lane="bulk", tags={"campaign": "may"})
    await pauses.pause(db, Scope.TAG, "campaign", actor="test", reason="a wrong price")
    await one.send_all()
    await age(db, message_id, 80 * 3600.0)
    await worker().send_all()
    assert await state(db, message_id) == "expired"


async def test_five_calls_without_an_answer_open_the_breaker_for_every_replica(db: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.provider.answers.extend([LOST] * 5)
    for n in range(6):
        await enqueue(db, n)
    await one.complete(*await one.claim(5))
    claimed = await other.claimer.claim(10)
    assert claimed.attempts == []
    assert claimed.only_tokens_missing


async def test_an_answered_probe_closes_the_breaker(db: Any, worker: Make) -> None:
    one, other = worker(recipients=1), worker(recipients=1)
    one.provider.answers.extend([LOST] * 5)
    for n in range(10):
        await enqueue(db, n)
    await one.complete(*await one.claim(5))
    await db.execute("update smsgw.route set retry_at = now()")
    await db.execute("update smsgw.request set available_at = now() + interval '1 hour' where status = 'in_flight'")
    (probe,) = await one.claim()
    assert probe.probe
    assert (await other.claimer.claim(10)).attempts == []
    await one.complete(probe)
    assert len(await other.claim()) == 4


async def test_a_failed_probe_uses_no_retry_budget(db: Any, worker: Make) -> None:
    one = worker(recipients=1)
    one.provider.answers.extend([LOST] * 6)
    for n in range(6):
        await enqueue(db, n)
    await one.complete(*await one.claim(5))
    await db.execute("update smsgw.route set retry_at = now()")
    await db.execute("update smsgw.request set available_at = now() where status = 'in_flight'")
    await one.complete(*await one.claim())
    assert await db.fetchval("select sum(ambiguous_attempts) from smsgw.request") == 5
    assert await db.fetchval("select retry_at > now() + interval '3 seconds' from smsgw.route")


async def test_a_suspect_request_is_sent_alone(db: Any, worker: Make) -> None:
    for n in range(3):
        await enqueue(db, n)
    for _ in range(2):
        await worker(recipients=1).claim()
        await make_due(db)
    busy = await worker(recipients=1).claimer.claim(10, idle=False)
    assert busy.suspects_due
    assert busy.attempts == []
    idle = await worker(recipients=1).claimer.claim(10, idle=True)
    assert len(idle.attempts) == 1


async def test_a_new_limit_applies_to_every_replica_from_the_next_claim_on(db: Any, worker: Make) -> None:
    one, other = worker(limit=1000, window=3600.0, recipients=1), worker(limit=1000, window=3600.0, recipients=1)
    for n in range(20):
        await enqueue(db, n)
    await one.claim(1)
    await other.claim(1)
    one.claimer.change_limits(Limits("mta", Limit("mta:requests", 5.0, 3600.0)))
    await one.claim(1)
    await db.execute("update smsgw.bucket set spent_bounds = '{}', spent_urgent = '{}', spent_others = '{}'")
    assert len(await other.claim(50)) == 5


async def test_a_new_weight_applies_from_the_next_claim_on(db: Any, worker: Make) -> None:
    await lanes.change(db, "bulk", {"weight": 4})
    one = worker(recipients=1)
    for n in range(20):
        await enqueue(db, n, lane="default")
        await enqueue(db, 100 + n, lane="bulk")
    attempts = await one.claim(10)
    assert sorted(Counter(attempt.lane for attempt in attempts).values()) == [5, 5]


async def test_lanes_share_by_weight_over_many_claims(db: Any, worker: Make) -> None:
    one = worker(recipients=1)
    for n in range(30):
        await enqueue(db, n, lane="default")
        await enqueue(db, 100 + n, lane="bulk")
    served: Counter[str] = Counter()
    for _ in range(25):
        served.update(attempt.lane for attempt in await one.claim(1))
    assert served == {"default": 20, "bulk": 5}


async def test_a_lane_without_coalescing_shares_no_request(db: Any, worker: Make) -> None:
    await lanes.change(db, "default", {"coalesce": False})
    for n in range(5):
        await enqueue(db, n)
    (attempt,) = await worker().claim(1)
    assert attempt.recipients == 1


async def test_no_token_is_kept_if_the_sender_has_none(db: Any, worker: Make) -> None:
    pace = Limit("parts", 60.0, 3600.0, LimitKind.PACE)
    await enqueue(db, 1)
    await worker(limit=20, window=3600.0, parts=pace).claim()
    await db.execute(EMPTY)
    await grant(db, "mta:requests", 2.0)
    await grant(db, "mta:parts:1", 0.0)
    assert await worker(limit=20, window=3600.0, parts=pace).claim() == []
    assert (
        await db.fetchval("select sum(s) from smsgw.bucket, unnest(spent_others) as s where name = 'mta:requests'")
        == 18
    )
    await grant(db, "mta:parts:1", 1.0)
    await grant(db, "mta:requests", 0.0)
    assert await worker(limit=20, window=3600.0, parts=pace).claim() == []
    assert await db.fetchval("select count(*) from smsgw.request") == 0
    assert await db.fetchval("select round(tokens::numeric, 1) from smsgw.bucket where name = 'mta:parts:1'") == 1
    await grant(db, "mta:requests", 1.0)
    assert len(await worker(limit=20, window=3600.0, parts=pace).claim()) == 1


async def test_expired_messages_end_before_anything_is_claimed(db: Any, worker: Make) -> None:
    await db.execute(
        "insert into smsgw.outbox (to_number, body, not_before, expires_at) select '+12025550100', 'x', "
        "now() - interval '2 hours', now() - interval '1 hour' from generate_series(1, 2500)"
    )
    message_id, one = await enqueue(db, 1), worker()
    (attempt,) = await one.claim()
    assert [message.id for message in attempt.messages] == [message_id]
    # One sweep takes a bounded time. The rest of a long outage is done before the next claims.
    while await db.fetchval(
        "select exists (select from smsgw.outbox where terminal_status is null and request_id is null)"
    ):
        await one.claim()
    assert await db.fetchval("select count(*) from smsgw.message where state = 'expired'") == 2500


async def test_a_scheduled_message_waits_only_for_its_time(db: Any, worker: Make) -> None:
    one = worker()
    message_id = await db.fetchval(
        "select smsgw.enqueue(to_number => '+12025550100', body => 'x', not_before => now() + interval '1 hour')"
    )
    assert await one.claim() == []
    assert await state(db, message_id) == "scheduled"
    await age(db, message_id, 3601.0)
    assert len(await one.claim()) == 1


@pytest.mark.parametrize(
    ("scope", "subject"), [(Scope.ALL, ""), (Scope.ROUTE, "mta"), (Scope.LANE, "bulk"), (Scope.TENANT, "t")]
)
async def test_a_pause_stops_messages_and_retries_and_uses_no_retry_budget(
    db: Any, worker: Make, scope: Scope, subject: str
) -> None:
    one = worker(recipients=1)
    one.provider.answers.append(LOST)
    first = await enqueue(db, 1, lane="bulk", tenant="t")
    await one.send_all()
    second = await enqueue(db, 2, lane="bulk", tenant="t")
    await pauses.pause(db, scope, subject, actor="test", reason="a test")
    await make_due(db)
    for _ in range(3):
        assert await one.claim() == []
    assert await db.fetchval("select attempts from smsgw.request") == 1
    await pauses.resume(db, scope, subject)
    await one.send_all()
    assert [await state(db, first), await state(db, second)] == ["accepted", "accepted"]
