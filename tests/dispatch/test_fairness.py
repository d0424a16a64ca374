"""Thousands of queues: what a claim looks at stays bounded, and everybody's turn comes."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from support.outbox import enqueue, grant, state

from gateway.dispatch import scanner, sweeper
from gateway.dispatch.scanner import MAX_QUEUES_PER_LANE, QueueScanner
from gateway.store import pauses
from gateway.store.buckets import Limit
from gateway.store.pauses import Scope

Make = Callable[..., Any]


async def crowd(connection: Any, tenants: int, *, each: int = 1, lane: str = "bulk", later: str = "0") -> None:
    """Give so many tenants messages in a lane, in the order of their names."""
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
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a look so small that a crowd of tests takes many."""
    monkeypatch.setattr(scanner, "MAX_QUEUES_PER_LANE", 10)


async def test_one_look_takes_up_a_bounded_number_of_each_lane(filled: Any) -> None:
    await crowd(filled, 3000)
    await crowd(filled, 3000, lane="default")
    look = await QueueScanner("mta").scan(filled)
    assert Counter(head.lane for head in look.ready) == {"bulk": MAX_QUEUES_PER_LANE, "default": MAX_QUEUES_PER_LANE}
    assert not look.complete


async def test_the_only_token_goes_to_the_one_urgent_message_among_thousands_of_tenants(
    filled: Any, worker: Make
) -> None:
    one = worker()
    await crowd(filled, 5000)
    await one.claim(1)
    code = await enqueue(filled, 1, lane="otp", tenant="zzz")
    await grant(filled, "mta:requests", 1.0)
    (attempt,) = await one.claim(1)
    assert [message.id for message in attempt.messages] == [code]


async def test_a_crowd_gains_its_lane_nothing(filled: Any, worker: Make, few: None) -> None:
    await crowd(filled, 60)
    await crowd(filled, 1, each=60, lane="default")
    one = worker(recipients=1)
    served: Counter[str] = Counter()
    for _ in range(50):
        served.update(attempt.lane for attempt in await one.claim(1))
    assert served == {"default": 40, "bulk": 10}


@pytest.mark.parametrize("slots", [1, 3, 10, 25])
async def test_every_tenant_of_a_crowd_has_its_turn_before_anybody_has_many(
    filled: Any, worker: Make, few: None, slots: int
) -> None:
    await crowd(filled, 43, each=6)
    one = worker(recipients=1)
    served: Counter[str] = Counter()
    while served.total() < 43 * 3:
        served.update(attempt.messages[0].tenant for attempt in await one.claim(slots))
    assert len(served) == 43
    assert max(served.values()) <= 6
    while attempts := await one.claim(slots):
        served.update(attempt.messages[0].tenant for attempt in attempts)
    assert set(served.values()) == {6}


async def test_one_that_may_go_is_found_among_thousands_that_may_not_yet(filled: Any, worker: Make) -> None:
    await crowd(filled, 3000, later="1 hour")
    message_id = await enqueue(filled, 1, lane="bulk", tenant="99999")
    one = worker()
    for _ in range(100):
        claimed = await one.claimer.claim(1)
        if claimed.attempts or not claimed.claim_again:
            break
    (attempt,) = claimed.attempts
    assert [message.id for message in attempt.messages] == [message_id]


async def test_the_wait_is_that_of_the_first_of_all_and_not_of_the_last_look(filled: Any, worker: Make) -> None:
    await crowd(filled, 500, later="1 hour")
    await filled.execute("update smsgw.outbox set not_before = now() + interval '30 s' where tenant = '00300'")
    one = worker()
    while (claimed := await one.claimer.claim(1)).claim_again:
        assert claimed.attempts == []
    assert 25.0 < claimed.wait <= 30.0


async def test_a_round_is_whole_only_when_all_was_seen_since_it_began(filled: Any, few: None) -> None:
    await crowd(filled, 25)
    looks = QueueScanner("mta")
    await looks.scan(filled)
    looks.start_pass()
    seen: set[str] = set()
    whole = False
    while not whole:
        look = await looks.scan(filled)
        seen |= {head.tenant or "" for head in look.ready}
        whole = look.complete
    assert len(seen) == 25


async def test_tenants_of_whom_all_is_paused_hide_nobody(filled: Any, worker: Make, few: None) -> None:
    await crowd(filled, 30)
    for n in range(1, 31):
        await pauses.pause(filled, Scope.TENANT, f"{n:05}", actor="test", reason="a test")
    message_id = await enqueue(filled, 1, lane="bulk", tenant="99999")
    one = worker()
    while not (claimed := await one.claimer.claim(1)).attempts:
        assert claimed.claim_again
    assert await state(filled, message_id) == "sending"


async def test_a_number_without_tokens_hides_no_other_number_in_a_crowd(filled: Any, worker: Make, few: None) -> None:
    one = worker(parts=Limit("parts", 60.0, 60.0, paced=True))
    await crowd(filled, 60)
    other = await enqueue(filled, 9, lane="bulk", tenant="99999", sender_id=8)
    while not await filled.fetchval("select exists(select from smsgw.bucket where name = 'mta:parts:8')"):
        await one.claim()
    await grant(filled, "mta:parts:1", -100.0)
    await grant(filled, "mta:parts:8", 1.0)
    while not (attempts := await one.claim()):
        pass
    assert [message.id for message in attempts[0].messages] == [other]


async def test_retries_of_very_many_numbers_are_gone_round_too(filled: Any, worker: Make, few: None) -> None:
    for n in range(1, 31):
        await enqueue(filled, n, sender_id=n)
    one = worker(recipients=1, lease=0.01)
    claimed: set[UUID] = set()
    while len(claimed) < 30:
        claimed |= {attempt.request_id for attempt in await one.claim(100)}
    await filled.execute("update smsgw.request set lease_expires_at = now() - interval '1 s'")
    again: set[int] = set()
    while len(again) < 30:
        again |= {attempt.sender_id for attempt in await one.claim(5)}


async def test_what_tenants_were_served_is_forgotten_when_they_are_gone(
    filled: Any, worker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MAX_SHARES_PER_STATEMENT", 10)
    await filled.execute(
        "insert into smsgw.fair_share (lane, tenant, pass_value, last_served_at) "
        "select 'bulk', 'gone ' || n, 1, now() - interval '2 hours' from generate_series(1, 25) as n "
        "union all select 'bulk', 'here', 1, now() union all select 'bulk', '*', 1, now() - interval '2 hours'"
    )
    now = 0.0
    one = worker(monotonic=lambda: now)
    for _ in range(4):
        await one.claim()
        now += sweeper.IDLE_SWEEP_SECONDS + 0.5
    assert {row["tenant"] for row in await filled.fetch("select tenant from smsgw.fair_share")} == {"here", "*"}
