"""How slots are divided between lanes, tenants and senders."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.fair_share import MAX_CREDIT, Queue, allocate


def queue(lane: str, tenant: str = "", **changes: object) -> Queue:
    settings: dict[str, object] = {
        "lane": lane, "tenant": tenant, "urgent": lane == "otp", "weight": 1, "pass_value": 0.0,
        "tenant_pass_value": 0.0,
    }  # fmt: skip
    return Queue(**(settings | changes))  # type: ignore[arg-type]


def planned(queues: list[Queue], slots: int) -> dict[tuple[str, str], int]:
    return {
        (allocation.queue.lane, allocation.queue.tenant): allocation.slots for allocation in allocate(queues, slots)
    }


def test_the_only_token_goes_to_the_urgent_lane() -> None:
    assert planned([queue("bulk"), queue("otp", pass_value=1e9)], 1) == {("otp", ""): 1}


def test_an_urgent_lane_at_its_cap_leaves_the_rest_to_others() -> None:
    assert planned([queue("bulk"), queue("otp", max_slots=3)], 5) == {("otp", ""): 3, ("bulk", ""): 2}


def test_the_senders_of_a_tenant_share_evenly() -> None:
    slots = {
        allocation.queue.sender: allocation.slots
        for allocation in allocate([queue("bulk", sender=1), queue("bulk", sender=2)], 5)
    }
    assert slots == {1: 3, 2: 2}


def test_lanes_share_by_weight() -> None:
    assert planned([queue("default", weight=4), queue("bulk", weight=1)], 10) == {
        ("default", ""): 8,
        ("bulk", ""): 2,
    }


def test_tenants_of_a_lane_share_evenly() -> None:
    assert planned([queue("bulk", "a"), queue("bulk", "b")], 6) == {("bulk", "a"): 3, ("bulk", "b"): 3}


def test_many_tenants_do_not_increase_the_share_of_their_lane() -> None:
    crowd = [queue("bulk", str(n)) for n in range(9)]
    shares = planned([*crowd, queue("default")], 10)
    assert shares["default", ""] == 5


def test_the_lowest_pass_value_goes_first() -> None:
    assert planned([queue("a", pass_value=10.0), queue("b", pass_value=3.0)], 1) == {("b", ""): 1}


def test_an_idle_lane_gets_limited_credit() -> None:
    shares = planned([queue("a", pass_value=1e6), queue("b", pass_value=0.0)], int(2 * MAX_CREDIT))
    assert shares["a", ""] == MAX_CREDIT / 2


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "x", "y"])), unique=True, min_size=1),
    st.integers(min_value=0, max_value=40),
)
def test_every_slot_is_allocated_once(names: list[tuple[str, str]], slots: int) -> None:
    allocated: Counter[tuple[str, str]] = Counter(planned([queue(*name) for name in names], slots))
    assert allocated.total() == slots


@given(st.lists(st.floats(min_value=0, max_value=50), min_size=2, max_size=30), st.integers(min_value=0, max_value=200))
def test_no_tenant_gets_ahead_of_another_by_more_than_one_request(pass_values: list[float], slots: int) -> None:
    shares = planned([queue("bulk", f"{n:03}", tenant_pass_value=value) for n, value in enumerate(pass_values)], slots)
    after = [value + shares.get(("bulk", f"{n:03}"), 0) for n, value in enumerate(pass_values)]
    got_something = [value for n, value in enumerate(after) if ("bulk", f"{n:03}") in shares]
    assert max(got_something, default=0.0) <= min(after) + 1.0
