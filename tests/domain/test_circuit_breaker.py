"""When the circuit breaker blocks calls, and when it allows a probe."""

from uuid import UUID, uuid4

from gateway.domain.circuit_breaker import FAILURE_THRESHOLD, FIRST_PROBE_WAIT_SECONDS, MAX_PROBE_WAIT_SECONDS, Breaker

CLOSED = Breaker("mta")


def request_ids(count: int) -> set[UUID]:
    return {uuid4() for _ in range(count)}


def open_breaker() -> Breaker:
    return CLOSED.failed(request_ids(FAILURE_THRESHOLD), "timeout_read", 100.0)


def test_it_opens_after_enough_consecutive_failures() -> None:
    almost_open = CLOSED.failed(request_ids(FAILURE_THRESHOLD - 1), "reset", 100.0)
    assert not almost_open.is_open
    assert almost_open.failed(request_ids(1), "reset", 101.0).is_open


def test_any_answer_resets_the_count() -> None:
    almost_open = CLOSED.failed(request_ids(FAILURE_THRESHOLD - 1), "reset", 100.0)
    assert not almost_open.answered().failed(request_ids(1), "reset", 101.0).is_open


def test_no_probe_starts_before_the_wait_is_over() -> None:
    assert open_breaker().wait(100.0) == FIRST_PROBE_WAIT_SECONDS
    assert open_breaker().wait(100.0 + FIRST_PROBE_WAIT_SECONDS) == 0.0


def test_a_probe_blocks_others_until_its_timeout() -> None:
    waiting = open_breaker().probe_started(uuid4(), 60.0, 110.0)
    assert waiting.wait(111.0) == 59.0
    assert waiting.wait(170.0) == 0.0


def test_only_a_failed_probe_makes_the_next_wait_longer() -> None:
    probe = uuid4()
    waiting = open_breaker().probe_started(probe, 60.0, 110.0)
    assert waiting.failed(request_ids(20), "reset", 111.0) == waiting
    assert waiting.failed({probe}, "reset", 111.0).wait(111.0) == 2 * FIRST_PROBE_WAIT_SECONDS


def test_the_wait_grows_to_a_minute_and_stops_there() -> None:
    breaker, now = open_breaker(), 100.0
    for _ in range(20):
        probe = uuid4()
        breaker = breaker.probe_started(probe, 60.0, now).failed({probe}, "reset", now)
    assert breaker.wait(now) == MAX_PROBE_WAIT_SECONDS


def test_an_answer_closes_it() -> None:
    assert open_breaker().probe_started(uuid4(), 60.0, 110.0).answered() == Breaker("mta", last_error="timeout_read")
