"""What stands where: the backlog and how long it lasts, limits, troubles, receipts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from support.operating import failed, uncertain
from support.outbox import enqueue

from gateway.operations import pause
from gateway.operations.pause import Scope
from gateway.operations.status import read_status

Make = Callable[..., Any]


async def test_a_lane_says_what_waits_and_how_long(operator: Any) -> None:
    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components) values ('w', 'h', 1, '1', '{dispatch}')"
    )
    await operator.execute("update smsgw.bucket set allowance = 10, period = 10, tokens = 1, counted_at = now()")
    for index in range(9):
        await enqueue(operator, index)
    found = await read_status(operator, max_recipients=1)
    lane = next(line for line in found.lanes if line.lane == "default")
    assert lane.states["ready"] == 9
    assert lane.eta is not None
    assert 9 <= lane.eta < 11
    assert found.sending


async def test_what_stands_aside_is_counted_as_the_view_has_it(operator: Any, worker: Make) -> None:
    """Held by its tag, behind another of its order key, scheduled, and just waiting."""
    await enqueue(operator, 1)
    for index in (2, 3):
        await enqueue(operator, index, order_key="k")
        await enqueue(operator, index, tags={"c": "spring"})
    await enqueue(operator, 4, not_before=datetime.now(UTC) + timedelta(hours=1))
    await pause.pause(operator, Scope.TAG, "c=spring", actor="a", because="b")
    await worker().claim()
    for index in (5, 6):
        await enqueue(operator, index)
    seen = await operator.fetch("select state, count(*) from smsgw.message group by state")
    found = next(line for line in (await read_status(operator)).lanes if line.lane == "default")
    counts = {state: count for state, count in found.states.items() if count}
    assert counts == {row["state"]: row["count"] for row in seen}
    assert (counts["ready"], counts["held"], counts["scheduled"]) == (3, 2, 1)


async def test_while_nobody_sends_or_it_is_paused_nobody_can_say_how_long(operator: Any) -> None:
    await enqueue(operator)
    assert {line.eta for line in (await read_status(operator)).lanes} == {None}
    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components) values ('w', 'h', 1, '1', '{dispatch}')"
    )
    await pause.pause(operator, Scope.LANE, "default", actor="a", because="b")
    found = {line.lane: line for line in (await read_status(operator)).lanes}
    assert (found["default"].eta, found["default"].held, found["otp"].eta) == (None, True, 0.0)


async def test_with_the_breaker_open_nobody_can_say_how_long(operator: Any) -> None:
    await operator.execute(
        "insert into smsgw.replica (worker, host, pid, version, components) values ('w', 'h', 1, '1', '{dispatch}');"
        "insert into smsgw.route (name, failures, opened_at, retry_at) values ('mta', 5, now(), now())"
    )
    await enqueue(operator)
    assert {line.eta for line in (await read_status(operator)).lanes} == {None}


async def test_troubles_are_reported_by_kind(operator: Any, worker: Make) -> None:
    await operator.execute("update smsgw.lane set coalesce = false")
    await failed(operator, worker(), 3)
    (trouble,) = (await read_status(operator)).troubles
    assert (trouble.outcome, trouble.status, trouble.attempts) == ("refused", 403, 3)


async def test_a_limit_says_how_much_of_it_is_used(operator: Any) -> None:
    await operator.execute("update smsgw.bucket set blocked_until = now() + interval '1 minute'")
    (limit,) = (await read_status(operator)).limits
    assert limit.name == "mta:requests"
    assert (limit.used, limit.rate) == (1.0, 0.0)
    assert 50 < limit.blocked_for <= 60


async def test_receipts_are_counted_as_they_come(operator: Any) -> None:
    await operator.execute(
        "insert into smsgw.receipt (source, event, digest, raw) values ('webhook', 'delivery-status', sha256('a'), '')"
    )
    receiving = (await read_status(operator)).receiving
    assert (receiving.webhooks_in_an_hour, receiving.unapplied) == (1, 1)
    assert receiving.last_webhook is not None
    assert receiving.last_poll is None


async def test_messages_that_were_sent_again_are_no_longer_counted_uncertain(operator: Any, worker: Make) -> None:
    await uncertain(operator, worker(), 3)
    lane = next(line for line in (await read_status(operator)).lanes if line.lane == "default")
    assert lane.states["uncertain"] == 3
    await operator.execute("update smsgw.request set pending_receipts = 1")
    lane = next(line for line in (await read_status(operator)).lanes if line.lane == "default")
    assert lane.states["uncertain"] == 1
