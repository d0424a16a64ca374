"""Thousands of queues: a scan stays bounded, and every queue is served."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from support.outbox import enqueue, grant, state

from gateway.dispatch import scanner, sweeper
from gateway.dispatch.scanner import MAX_QUEUES_PER_LANE, QueueScanner
from gateway.store import pauses
from gateway.store.buckets import Limit, LimitKind
from gateway.store.pauses import Scope

Make = Callable[..., Any]


async def enqueue_for_tenants(
    connection: Any, tenants: int, *, each: int = 1, lane: str = "bulk", later: str = "0"
) -> None:
    """Enqueue messages for this many tenants in a lane, in the order of their names."""
    await connection.execute(
        "insert into smsgw.outbox (to_number, body, lane, tenant, not_before, expires_at) "
        "select '+1202555' || to_char(m, 'FM0000'), 'x', $1, to_char(t, 'FM00000'), "
        "now() + $4::text::interval, now() + interval '2 days' "
        "from generate_series(1, $3::int) as m, generate_series(1, $2::int) as t",
        lane,
        tenants,
        each,
        later,
    )


@pytest.fixture
def small_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make scans so small that the queues of a test take many of them."""
    monkeypatch.setattr(scanner, "MAX_QUEUES_PER_LANE", 10)


async def test_one_scan_reads_a_bounded_number_of_queues_per_lane(db: Any) -> None:
    await enqueue_for_tenants(db, 3000)
    await enqueue_for_tenants(db, 3000, lane="default")
    scan = await QueueScanner("mta").scan(db)
    assert Counter(head.lane for head in scan.ready) == {"bulk": MAX_QUEUES_PER_LANE, "default": MAX_QUEUES_PER_LANE}
    assert not scan.complete


async def test_the_only_token_goes_to_the_urgent_message_among_thousands_of_tenants(db: Any, worker: Make) -> None:
    one = worker()
    await enqueue_for_tenants(db, 5000)
    await one.claim(1)
    code = await enqueue(db, 1, lane="otp", tenant="zzz")
    await grant(db, "mta:requests", 1.0)
    (attempt,) = await one.claim(1)
    assert [message.id for message in attempt.messages] == [code]


async def test_many_tenants_do_not_increase_the_share_of_their_lane(db: Any, worker: Make, small_scans: None) -> None:
    await enqueue_for_tenants(db, 60)
    await enqueue_for_tenants(db, 1, each=60, lane="default")
    one = worker(recipients=1)
    served: Counter[str] = Counter()
    for _ in range(50):
        served.update(attempt.lane for attempt in await one.claim(1))
    assert served == {"default": 40, "bulk": 10}


@pytest.mark.parametrize("slots", [1, 3, 10, 25])
async def test_every_tenant_is_served_before_any_is_served_often(
    db: Any, worker: Make, small_scans: None, slots: int
) -> None:
    await enqueue_for_tenants(db, 43, each=6)
    one = worker(recipients=1)
    served: Counter[str] = Counter()
    while served.total() < 43 * 3:
        served.update(attempt.messages[0].tenant for attempt in await one.claim(slots))
    assert len(served) == 43
    assert max(served.values()) <= 6
    while attempts := await one.claim(slots):
        served.update(attempt.messages[0].tenant for attempt in attempts)
    assert set(served.values()) == {6}


async def test_a_ready_message_is_found_among_thousands_that_are_scheduled(db: Any, worker: Make) -> None:
    await enqueue_for_tenants(db, 3000, later="1 hour")
    message_id = await enqueue(db, 1, lane="bulk", tenant="99999")
    one = worker()
    for _ in range(100):
        claimed = await one.claimer.claim(1)
        if claimed.attempts or not claimed.claim_again:
            break
    (attempt,) = claimed.attempts
    assert [message.id for message in attempt.messages] == [message_id]


async def test_the_wait_is_until_the_first_of_all_queues_is_ready(db: Any, worker: Make) -> None:
    await enqueue_for_tenants(db, 500, later="1 hour")
    await db.execute("update smsgw.outbox set not_before = now() + interval '30 s' where tenant = '00300'")
    one = worker()
    while (claimed := await one.claimer.claim(1)).claim_again:
        assert claimed.attempts == []
    assert 25.0 < claimed.wait <= 30.0


async def test_a_pass_is_complete_when_every_queue_was_seen_since_it_began(db: Any, small_scans: None) -> None:
    await enqueue_for_tenants(db, 25)
    queue_scanner = QueueScanner("mta")
    await queue_scanner.scan(db)
    queue_scanner.start_pass()
    seen: set[str] = set()
    complete = False
    while not complete:
        scan = await queue_scanner.scan(db)
        seen |= {head.tenant or "" for head in scan.ready}
        complete = scan.complete
    assert len(seen) == 25


async def test_paused_tenants_do_not_hide_another_tenant(db: Any, worker: Make, small_scans: None) -> None:
    await enqueue_for_tenants(db, 30)
    for n in range(1, 31):
        await pauses.pause(db, Scope.TENANT, f"{n:05}", actor="test", reason="a test")
    message_id = await enqueue(db, 1, lane="bulk", tenant="99999")
    one = worker()
    while not (claimed := await one.claimer.claim(1)).attempts:
        assert claimed.claim_again
    assert await state(db, message_id) == "sending"


async def test_a_sender_without_tokens_does_not_hide_another_sender(db: Any, worker: Make, small_scans: None) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, LimitKind.PACE))
    await enqueue_for_tenants(db, 60)
    other = await enqueue(db, 9, lane="bulk", tenant="99999", sender_id=8)
    while not await db.fetchval("select exists(select from smsgw.bucket where name = 'mta:parts:8')"):
        await one.claim()
    await grant(db, "mta:parts:1", -100.0)
    await grant(db, "mta:parts:8", 1.0)
    while not (attempts := await one.claim()):
        pass
    assert [message.id for message in attempts[0].messages] == [other]


async def test_retries_of_many_senders_are_scanned_in_passes_too(db: Any, worker: Make, small_scans: None) -> None:
    for n in range(1, 31):
        await enqueue(db, n, sender_id=n)
    one = worker(recipients=1, lease=0.01)
    claimed: set[UUID] = set()
    while len(claimed) < 30:
        claimed |= {attempt.request_id for attempt in await one.claim(100)}
    await db.execute("update smsgw.request set lease_expires_at = now() - interval '1 s'")
    again: set[int] = set()
    while len(again) < 30:
        again |= {attempt.sender_id for attempt in await one.claim(5)}


async def test_pass_values_of_tenants_that_are_gone_are_deleted(
    db: Any, worker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MAX_SHARES_PER_STATEMENT", 10)
    await db.execute(
        "insert into smsgw.fair_share (lane, tenant, pass_value, last_served_at) "
        "select 'bulk', 'gone ' || n, 1, now() - interval '2 hours' from generate_series(1, 25) as n "
        "union all select 'bulk', 'here', 1, now() union all select 'bulk', '*', 1, now() - interval '2 hours'"
    )
    now = 0.0
    one = worker(monotonic=lambda: now)
    for _ in range(4):
        await one.claim()
        now += sweeper.IDLE_SWEEP_SECONDS + 0.5
    assert {row["tenant"] for row in await db.fetch("select tenant from smsgw.fair_share")} == {"here", "*"}
