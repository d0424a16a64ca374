"""The plan on paper: more messages never need less, and what one installation can't do is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.plan import EXAMPLES, MEASURED, REQUESTS_PER_SECOND, Costs, Load, Route, costs_of, plan
from gateway.bench.results import Line, Report, Result

LOADS = st.builds(
    Load,
    per_day=st.integers(1, 200_000_000),
    hours=st.floats(1.0, 24.0),
    peak=st.floats(1.0, 10.0),
    parts=st.floats(1.0, 4.0),
    coalesces=st.booleans(),
    retention_days=st.floats(0.0, 365.0),
)


@pytest.mark.parametrize(
    ("per_day", "route", "numbers"),
    [
        (1_000, Route.TEN_DLC, 1),
        (100_000, Route.TOLL_FREE, 1),
        (1_000_000, Route.SHORT_CODE, 1),
        (10_000_000, Route.SHORT_CODE, 2),
        (100_000_000, Route.SHORT_CODE, 20),
    ],
)
def test_the_route_follows_the_volume(per_day: int, route: Route, numbers: int) -> None:
    made = plan(Load(per_day), MEASURED)
    assert (made.route, made.numbers) == (route, numbers)


def test_a_small_load_needs_two_of_each_and_no_change() -> None:
    made = plan(Load(100_000), MEASURED)
    assert (made.dispatchers, made.listeners, made.accounts, made.changes) == (2, 2, 1, ())


def test_a_million_a_day_fits_into_one_account_by_fuller_requests() -> None:
    made = plan(Load(1_000_000), MEASURED)
    assert made.accounts == 1
    assert made.recipients == 51
    assert made.load.busiest == pytest.approx(1_000_000 / (12 * 3600) * 3)


def test_a_hundred_million_a_day_name_every_change() -> None:
    said = " ".join(plan(Load(100_000_000), MEASURED).changes)
    for word in ("partitions by day", "provider accounts", "sending numbers", "databases"):
        assert word in said


def test_what_may_not_share_a_request_needs_many_accounts() -> None:
    together, alone = plan(Load(1_000_000), MEASURED), plan(Load(1_000_000, coalesces=False), MEASURED)
    assert (together.accounts, alone.recipients) == (1, 1)
    assert alone.accounts * REQUESTS_PER_SECOND >= alone.load.busiest


@given(LOADS)
def test_the_plan_carries_its_peak(load: Load) -> None:
    made = plan(load, MEASURED)
    assert made.accounts * made.recipients * REQUESTS_PER_SECOND >= load.busiest * 0.999
    rate = MEASURED.coalesced_rate if made.recipients > 1 else MEASURED.single_rate
    assert made.dispatchers * rate >= load.busiest
    assert made.memory >= made.cores


@given(LOADS, st.floats(1.0, 10.0))
def test_more_messages_never_need_less(load: Load, factor: float) -> None:
    less = plan(load, MEASURED)
    more = plan(
        Load(
            int(load.per_day * factor) + 1,
            load.hours,
            load.peak,
            load.parts,
            coalesces=load.coalesces,
            retention_days=load.retention_days,
        ),
        MEASURED,
    )
    for name in ("accounts", "listeners", "stored", "wal_per_day", "memory"):
        # Where messages begin to share requests, each costs Postgres less.
        if less.recipients > 1 or more.recipients == 1 or name in ("accounts", "listeners", "stored"):
            assert getattr(more, name) >= getattr(less, name)


def test_measured_costs_replace_assumed_ones() -> None:
    report = Report(
        {}, {}, [Result("drain", lines=[Line("smsgw, one message a request", {"rate": 1234.0, "wal_bytes": 1999.0})])]
    )
    costs = costs_of(report, MEASURED)
    assert (costs.single_rate, costs.wal_single) == (1234.0, 1999.0)
    assert costs.coalesced_rate == MEASURED.coalesced_rate


def test_a_slower_machine_needs_more_processes() -> None:
    slow = Costs(single_rate=100.0, coalesced_rate=500.0, wal_single=2000.0, wal_coalesced=900.0)
    for count in EXAMPLES:
        assert plan(Load(count), slow).dispatchers >= plan(Load(count), MEASURED).dispatchers
