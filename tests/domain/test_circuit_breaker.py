"""When calls are held back, and when one may ask again."""

from uuid import UUID, uuid4

from gateway.domain.circuit_breaker import FIRST_WAIT, LONGEST_WAIT, THRESHOLD, Breaker

CLOSED = Breaker("mta")


def some(count: int) -> set[UUID]:
    return {uuid4() for _ in range(count)}


def opened() -> Breaker:
    return CLOSED.failed(some(THRESHOLD), "timeout_read", 100.0)


def test_it_opens_after_enough_silences_in_a_row() -> None:
    almost = CLOSED.failed(some(THRESHOLD - 1), "reset", 100.0)
    assert not almost.is_open
    assert almost.failed(some(1), "reset", 101.0).is_open


def test_any_answer_starts_the_count_anew() -> None:
    almost = CLOSED.failed(some(THRESHOLD - 1), "reset", 100.0)
    assert not almost.answered().failed(some(1), "reset", 101.0).is_open


def test_while_it_waits_nobody_asks() -> None:
    assert opened().wait(100.0) == FIRST_WAIT
    assert opened().wait(100.0 + FIRST_WAIT) == 0.0


def test_one_probe_keeps_the_others_away_until_its_patience_ends() -> None:
    probing = opened().probing(uuid4(), 60.0, 110.0)
    assert probing.wait(111.0) == 59.0
    assert probing.wait(170.0) == 0.0


def test_only_the_probe_that_fails_makes_the_next_wait_longer() -> None:
    probe = uuid4()
    probing = opened().probing(probe, 60.0, 110.0)
    assert probing.failed(some(20), "reset", 111.0) == probing
    assert probing.failed({probe}, "reset", 111.0).wait(111.0) == 2 * FIRST_WAIT


def test_the_wait_grows_to_a_minute_and_no_further() -> None:
    breaker, now = opened(), 100.0
    for _ in range(20):
        probe = uuid4()
        breaker = breaker.probing(probe, 60.0, now).failed({probe}, "reset", now)
    assert breaker.wait(now) == LONGEST_WAIT


def test_an_answer_closes_it() -> None:
    assert opened().probing(uuid4(), 60.0, 110.0).answered() == Breaker("mta", last_error="timeout_read")
