"""What urgent lanes and other lanes may take of the request limit while both wait."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import enqueue

from gateway.store import lanes

Make = Callable[..., Any]

FULL = (
    "update smsgw.bucket set allowance = 24, period = 3600, reserves = true, "
    "spent_bounds = '{}', spent_urgent = '{}', spent_others = '{}'"
)


@pytest.fixture
async def make(db: Any, worker: Make) -> Make:
    """Make workers on a full window of 24 requests; no token returns during the test."""
    await db.execute(FULL)
    return lambda: worker(limit=24, window=3600.0, recipients=1, reserves=True)


async def fill(db: Any, **counts: int) -> None:
    for lane, count in counts.items():
        for n in range(count):
            await enqueue(db, n, lane=lane)


def by_lane(attempts: list[Any]) -> Counter[str]:
    return Counter(attempt.lane for attempt in attempts)


async def test_a_burst_of_codes_on_an_idle_account_may_use_the_whole_window(db: Any, make: Make) -> None:
    await fill(db, otp=30)
    assert by_lane(await make().claim(50)) == {"otp": 24}


async def test_a_campaign_leaves_the_reserve(db: Any, make: Make) -> None:
    await fill(db, bulk=30)
    assert by_lane(await make().claim(50)) == {"bulk": 19}


async def test_codes_in_the_middle_of_a_campaign_take_the_reserve_at_once(db: Any, make: Make) -> None:
    await fill(db, bulk=30)
    await make().claim(50)
    await fill(db, otp=5)
    assert by_lane(await make().claim(50)) == {"otp": 5}


async def test_a_loop_of_codes_leaves_tokens_to_other_lanes(db: Any, make: Make) -> None:
    await fill(db, otp=50, bulk=50)
    assert by_lane(await make().claim(50)) == {"otp": 19, "bulk": 5}


async def test_a_loop_of_codes_that_fills_all_slots_still_leaves_one_to_other_lanes(db: Any, make: Make) -> None:
    await fill(db, otp=50, bulk=50)
    assert by_lane(await make().claim(8)) == {"otp": 7, "bulk": 1}


async def test_while_codes_hold_their_cap_the_reserve_is_in_use(db: Any, make: Make) -> None:
    await fill(db, otp=19)
    await make().claim(50)
    await fill(db, bulk=10)
    assert by_lane(await make().claim(50)) == {"bulk": 5}


async def test_a_new_reserve_applies_from_the_next_claim_on(db: Any, make: Make) -> None:
    await lanes.change(db, "otp", {"reserve_percent": 50})
    await fill(db, bulk=30)
    assert by_lane(await make().claim(50)) == {"bulk": 12}


async def test_a_new_cap_applies_from_the_next_claim_on(db: Any, make: Make) -> None:
    await lanes.change(db, "otp", {"cap_percent": 25, "reserve_percent": 0})
    await fill(db, otp=30, bulk=30)
    assert by_lane(await make().claim(50)) == {"otp": 6, "bulk": 18}


async def test_an_urgent_lane_beside_one_at_its_cap_gets_its_tokens(db: Any, make: Make) -> None:
    await db.execute("insert into smsgw.lane (name, urgent, cap_percent, ttl) values ('alarm', true, 10, '1 hour')")
    await fill(db, alarm=30, otp=5, bulk=30)
    found = by_lane(await make().claim(50))
    assert (found["alarm"], found["otp"]) == (2, 5)


async def test_after_three_429s_a_loop_of_codes_leaves_a_token_to_other_lanes(db: Any, make: Make) -> None:
    await fill(db, otp=50, bulk=50)
    one = make()
    await one.claim(0)
    await db.execute("update smsgw.bucket set rate_factor = 0.1, throttled_at = now()")
    assert by_lane(await one.claim(50)) == {"otp": 1, "bulk": 1}


async def test_every_replica_sees_the_tokens_that_another_took(db: Any, make: Make) -> None:
    await fill(db, otp=40)
    one, other = make(), make()
    assert len(await one.claim(10)) == 10
    assert len(await other.claim(50)) == 14
    assert await one.claim(50) == []


async def test_an_allowance_of_one_has_no_reserve(db: Any, worker: Make) -> None:
    await db.execute("update smsgw.bucket set allowance = 1, period = 3600, reserves = true")
    await fill(db, bulk=3)
    assert by_lane(await worker(limit=1, window=3600.0, recipients=1, reserves=True).claim(50)) == {"bulk": 1}
