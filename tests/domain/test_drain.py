"""How long a backlog lasts."""

import pytest

from gateway.domain.drain import FOREVER, Queue, Rates, drain

RATES = Rates(requests=2.0, parts=20.0, recipients=500)


def queue(lane: str, messages: int, weight: int = 1, *, urgent: bool = False, coalesces: bool = True) -> Queue:
    return Queue(lane, messages, urgent, weight, coalesces)


def test_an_empty_lane_takes_no_time() -> None:
    assert drain([queue("bulk", 0)], RATES) == {"bulk": 0.0}


def test_shared_requests_are_limited_by_parts_and_single_ones_by_requests() -> None:
    assert drain([queue("bulk", 200)], RATES)["bulk"] == pytest.approx(10.0)
    assert drain([queue("otp", 200, urgent=True, coalesces=False)], RATES)["otp"] == pytest.approx(100.0)


def test_urgent_lanes_drain_first() -> None:
    found = drain([queue("otp", 20, urgent=True, coalesces=False), queue("bulk", 200)], RATES)
    assert found == pytest.approx({"otp": 10.0, "bulk": 20.0})


def test_other_lanes_share_by_weight_until_one_is_empty() -> None:
    found = drain([queue("default", 200, 4), queue("bulk", 200, 1)], RATES)
    assert found["default"] == pytest.approx(12.5)
    assert found["bulk"] == pytest.approx(20.0)


def test_sharing_does_not_change_the_total_time() -> None:
    queues = [queue("a", 100, 3), queue("b", 700, 2), queue("c", 50, 9)]
    assert max(drain(queues, RATES).values()) == pytest.approx(850 / 20)


def test_a_blocked_limiter_delays_every_lane() -> None:
    blocked = Rates(2.0, 20.0, 500, blocked=30.0)
    assert drain([queue("bulk", 20)], blocked)["bulk"] == pytest.approx(31.0)


def test_without_a_rate_a_backlog_lasts_forever() -> None:
    assert drain([queue("bulk", 1)], Rates(0.0, 20.0, 500))["bulk"] == FOREVER
