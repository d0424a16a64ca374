"""The arithmetic of the limiter: never more than the allowance in any window, and not much less."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.token_bucket import MIN_RATE_FACTOR, Bucket

PERIOD = 15.0
MARGIN = 0.5


def windowed(allowance: float = 24.0, **changes: object) -> Bucket:
    settings: dict[str, object] = {
        "name": "requests", "tokens": 0.0, "counted_at": 0.0, "allowance": allowance, "period": PERIOD,
        "margin": MARGIN,
    }  # fmt: skip
    return Bucket(**(settings | changes))  # type: ignore[arg-type]


def paced(allowance: float = 1200.0) -> Bucket:
    return Bucket("parts:default", tokens=0.0, counted_at=0.0, allowance=allowance, period=60.0, paced=True)


def claims(bucket: Bucket, pauses: list[float]) -> list[float]:
    """Return when a greedy claimer takes single tokens, if it checks after each of these pauses."""
    now, taken = 0.0, []
    for pause in pauses:
        now += pause
        while bucket.available(now) >= 1.0:
            bucket = bucket.taken(1.0, now)
            taken.append(now)
    return taken


def fullest_window(moments: list[float], length: float) -> int:
    ordered = sorted(moments)
    return max((sum(1 for m in ordered if start <= m < start + length) for start in ordered), default=0)


@given(
    allowance=st.integers(min_value=1, max_value=60),
    pauses=st.lists(st.floats(min_value=0.0, max_value=20.0), max_size=150),
    delays=st.lists(st.floats(min_value=0.0, max_value=MARGIN), min_size=1, max_size=30),
)
@example(allowance=24, pauses=[0.1] * 500, delays=[0.0])
@example(allowance=24, pauses=[0.1] * 500, delays=[MARGIN, 0.0])
def test_no_window_of_arrivals_holds_more_than_the_allowance(
    allowance: int, pauses: list[float], delays: list[float]
) -> None:
    moments = claims(windowed(allowance), pauses)
    arrivals = [moment + delays[index % len(delays)] for index, moment in enumerate(moments)]
    assert fullest_window(arrivals, PERIOD) <= allowance


def test_the_rule_of_the_design_holds_with_equality() -> None:
    bucket = windowed()
    assert bucket.burst + bucket.rate * (PERIOD + MARGIN) == pytest.approx(bucket.allowance)


def test_a_steady_claimer_gets_the_full_rate() -> None:
    bucket = windowed()
    moments = claims(bucket, [0.05] * 3000)
    assert len(moments) == pytest.approx(bucket.rate * 150.0, abs=2)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    assert windowed().available(1e9) == windowed().burst


def test_an_allowance_of_one_is_never_two_and_never_none() -> None:
    moments = claims(windowed(1), [1.0] * 300)
    assert moments
    assert fullest_window(moments, PERIOD + MARGIN) == 1


def test_a_missing_token_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="tokens requested"):
        windowed().taken(1.0, 0.0)


def test_a_paced_bucket_runs_at_the_full_rate() -> None:
    assert paced().rate == pytest.approx(20.0)


def test_a_paced_bucket_may_borrow_for_one_message_and_then_waits() -> None:
    bucket = paced().taken(10.0, 0.0)
    assert bucket.available(0.0) == 0.0
    assert bucket.wait_for(1.0, 0.0) == pytest.approx(11.0 / 20.0)


@given(now=st.floats(min_value=0.0, max_value=1e6), count=st.floats(min_value=0.1, max_value=2.0))
def test_after_the_wait_the_tokens_are_available(now: float, count: float) -> None:
    bucket = windowed(counted_at=0.0)
    assert bucket.available(now + bucket.wait_for(count, now) + 1e-6) >= count - 1e-6


def test_a_429_blocks_the_bucket_for_retry_after() -> None:
    bucket = windowed(tokens=2.0).after_throttle(10.0, now=100.0)
    assert bucket.available(109.9) == 0.0
    assert bucket.rate_at(109.9) == 0.0


@pytest.mark.parametrize(("since", "part"), [(0.0, 0.25), (15.0, 0.4375), (30.0, 0.625), (60.0, 1.0), (3600.0, 1.0)])
def test_after_a_429_the_rate_grows_from_a_quarter_to_full_within_a_minute(since: float, part: float) -> None:
    bucket = windowed().after_throttle(10.0, now=100.0)
    now = 110.0 + since
    assert bucket.rate_at(now) == pytest.approx(bucket.rate * bucket.rate_factor_at(now) * part)


def test_a_window_used_up_by_others_blocks_until_the_reset_without_a_slow_start() -> None:
    bucket = windowed(tokens=2.0).after_rate_headers(0.0, 10.0, now=100.0)
    assert bucket.available(109.9) == 0.0
    assert bucket.rate_at(110.0) == pytest.approx(bucket.rate)
    assert bucket.rate_factor_at(110.0) == 1.0


@pytest.mark.parametrize(("held", "remaining", "left"), [(2.0, 1.0, 1.0), (2.0, 20.0, 2.0), (0.5, 1.0, 0.5)])
def test_rate_headers_only_lower_the_tokens(held: float, remaining: float, left: float) -> None:
    bucket = windowed(tokens=held, counted_at=100.0).after_rate_headers(remaining, 10.0, now=100.0)
    assert bucket.available(100.0) == pytest.approx(left)
    assert bucket.blocked_until is None


def test_rate_headers_do_not_restart_a_slow_start() -> None:
    bucket = windowed().after_throttle(0.0, now=100.0).after_rate_headers(0.0, 5.0, now=110.0)
    assert bucket.slow_start_at == pytest.approx(100.0)
    assert bucket.available(114.0) == 0.0


def test_a_429_halves_the_rate_and_clean_windows_restore_it() -> None:
    bucket = windowed().after_throttle(0.0, now=1000.0)
    assert bucket.rate_factor_at(1000.0) == pytest.approx(0.5)
    assert bucket.rate_factor_at(1000.0 + PERIOD) == pytest.approx(0.55)
    assert bucket.rate_factor_at(1000.0 + 10 * PERIOD) == pytest.approx(1.0)


def test_many_429s_in_one_window_reduce_the_rate_once() -> None:
    bucket = windowed().after_throttle(1.0, now=1000.0).after_throttle(1.0, now=1000.5).after_throttle(1.0, now=1001.0)
    assert bucket.rate_factor == pytest.approx(0.5)


def test_repeated_429s_leave_a_minimum_rate() -> None:
    bucket = windowed()
    for window in range(20):
        bucket = bucket.after_throttle(0.0, now=1000.0 + window * PERIOD)
    assert bucket.rate_factor == pytest.approx(MIN_RATE_FACTOR)


def test_a_later_wait_never_shortens_an_earlier_one() -> None:
    bucket = windowed().after_throttle(30.0, now=0.0).after_throttle(1.0, now=1.0)
    assert bucket.blocked_until == pytest.approx(30.0)


def test_a_clock_that_steps_back_gives_no_tokens() -> None:
    bucket = windowed(tokens=1.0, counted_at=100.0)
    assert bucket.available(50.0) == pytest.approx(1.0)
    assert bucket.taken(1.0, 50.0).counted_at == pytest.approx(100.0)


def test_a_clock_set_back_by_an_hour_does_not_block_for_an_hour() -> None:
    bucket = windowed(tokens=0.0, counted_at=10_000.0)
    assert bucket.available(6_400.0) == 0.0
    assert bucket.wait_for(1.0, 6_400.0) == pytest.approx(1.0 / bucket.rate)


def test_a_clock_set_back_shortens_no_wait_and_keeps_the_rate_factor() -> None:
    bucket = windowed().after_throttle(10.0, now=10_000.0).refilled(6_400.0)
    assert bucket.blocked_until == pytest.approx(6_410.0)
    assert bucket.rate_factor_at(6_400.0) == pytest.approx(0.5)
    assert bucket.slow_start_at == pytest.approx(6_410.0)
