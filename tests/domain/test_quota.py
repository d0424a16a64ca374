"""A daily quota: never exceeded in any day, and available at any time of the day."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quota import Quota

DAY = 86400.0


def test_the_whole_quota_may_be_used_at_once() -> None:
    assert Quota("day:1", 100.0, DAY).available(1e9) == 100.0


def test_a_used_quota_comes_back_within_a_day_and_an_hour() -> None:
    now = 1e9
    quota = Quota("day:1", 100.0, DAY).taken(100.0, now)
    wait = quota.wait_for(1.0, now)
    assert DAY <= wait <= DAY + 3600.0
    assert quota.available(now + wait - 1.0) == 0.0
    assert quota.available(now + wait) == 100.0


def test_a_clock_that_is_set_back_gives_no_quota_back() -> None:
    quota = Quota("day:1", 100.0, DAY).taken(60.0, 1e9)
    assert quota.available(1e9 - 3 * DAY) == 40.0


@given(st.lists(st.tuples(st.floats(0.0, 20_000.0), st.integers(1, 30)), max_size=60))
def test_no_day_ever_uses_more_than_the_quota(steps: list[tuple[float, int]]) -> None:
    quota, now, taken = Quota("day:1", 50.0, DAY), 1e9, []
    for wait, wanted in steps:
        now += wait
        count = min(float(wanted), quota.available(now))
        quota = quota.taken(count, now)
        taken.append((now, count))
    for end, _ in taken:
        assert sum(count for at, count in taken if end - DAY < at <= end) <= 50.0
