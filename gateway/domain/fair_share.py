"""Fair share: urgent lanes first, then capacity is divided between lanes by weight and evenly between their tenants.

This is stride scheduling (Waldspurger and Weihl, 1995). Each lane and each tenant has a pass value: how much it was
served, divided by its weight. The lowest pass value goes next. Pass values live in `smsgw.fair_share`, so all replicas
share them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

MAX_CREDIT = 1000.0
"""How far a pass value may lie below the highest one, in parts per weight, when a lane or a tenant comes back after a
pause. A lane that was idle all night gets no credit for the night."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One lane, tenant and sender with messages that may be sent now."""

    lane: str
    tenant: str
    urgent: bool
    weight: int
    pass_value: float
    """Of the lane."""
    tenant_pass_value: float
    sender: int = 0
    """0 is the account's default sender."""
    max_slots: int = 1_000_000
    """Maximum number of requests that the lane may open now, by its cap."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """A number of requests for one queue."""

    queue: Queue
    slots: int


def floor_pass_value(values: Iterable[float]) -> float:
    """Return the lowest pass value that counts among these; see `MAX_CREDIT`."""
    return max(values, default=0.0) - MAX_CREDIT


def allocate(queues: Sequence[Queue], slots: int, *, cost: float = 1.0) -> list[Allocation]:
    """Distribute `slots` requests over the queues, lowest pass value first; each request is assumed to cost `cost`.

    Urgent lanes come before all others, up to their caps. Each queue gets at least one request while slots last. The
    result is a plan: a queue that turns out to be shorter leaves its slots to the next claim.
    """
    urgent = [queue for queue in queues if queue.urgent]
    others = [queue for queue in queues if not queue.urgent]
    allocations = _allocate_by_pass_value(urgent, slots, cost)
    remaining = slots - sum(allocation.slots for allocation in allocations)
    return allocations + _allocate_by_pass_value(others, remaining, cost)


def _allocate_by_pass_value(queues: Sequence[Queue], slots: int, cost: float) -> list[Allocation]:
    """Allocate slots one by one. The top of each heap has the lowest pass value; among equals, the lowest name."""
    tenants_of: dict[str, dict[str, list[tuple[int, int, Queue]]]] = {}
    for queue in queues:
        tenants_of.setdefault(queue.lane, {}).setdefault(queue.tenant, []).append((0, queue.sender, queue))
    any_queue_of = {lane: next(iter(tenants.values()))[0][2] for lane, tenants in tenants_of.items()}
    slots_left = {lane: queue.max_slots for lane, queue in any_queue_of.items()}
    lane_heap = _pass_value_heap({lane: queue.pass_value for lane, queue in any_queue_of.items()})
    tenant_heaps = {
        lane: _pass_value_heap({tenant: senders[0][2].tenant_pass_value for tenant, senders in tenants.items()})
        for lane, tenants in tenants_of.items()
    }
    for tenants in tenants_of.values():
        for senders in tenants.values():
            heapify(senders)
    allocations: dict[tuple[str, str, int], Allocation] = {}
    for _ in range(slots):
        while lane_heap and slots_left[lane_heap[0][1]] <= 0:
            heappop(lane_heap)
        if not lane_heap:
            break
        pass_value, lane = lane_heap[0]
        tenant_pass_value, tenant = tenant_heaps[lane][0]
        senders = tenants_of[lane][tenant]
        count, sender, queue = senders[0]
        heapreplace(lane_heap, (pass_value + cost / queue.weight, lane))
        heapreplace(tenant_heaps[lane], (tenant_pass_value + cost, tenant))
        heapreplace(senders, (count + 1, sender, queue))
        slots_left[lane] -= 1
        allocations[lane, tenant, sender] = Allocation(queue, count + 1)
    return list(allocations.values())


def _pass_value_heap(pass_values: dict[str, float]) -> list[tuple[float, str]]:
    floor = floor_pass_value(pass_values.values())
    heap = [(max(value, floor), name) for name, value in pass_values.items()]
    heapify(heap)
    return heap
