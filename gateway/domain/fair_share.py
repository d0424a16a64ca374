"""Whose turn it is: urgent lanes first, then fair shares between lanes and between the tenants of a lane.

Stride scheduling (Waldspurger and Weihl, 1995): each lane and each tenant remembers how much it was served, divided by
its weight, and the smallest goes next. The memory lives in `smsgw.share`, so that all replicas take allocate together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

LAG = 1000.0
"""How far behind the most served a lane may count when it comes back after a rest, in parts over weight. A lane that
slept all night is owed nothing for the night."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One lane, tenant and sending number with messages that may go now."""

    lane: str
    tenant: str
    urgent: bool
    weight: int
    served: float
    """Of the lane."""
    tenant_served: float
    sender: int = 0
    """Of the sending number; 0 is the default."""
    most: int = 1_000_000
    """Requests that the lane may open at the most, its cap."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """So many requests for one queue."""

    queue: Queue
    slots: int


def floor_share(served: Iterable[float]) -> float:
    """Return the least that anyone among these counts as served; see `LAG`."""
    return max(served, default=0.0) - LAG


def allocate(queues: Sequence[Queue], slots: int, *, cost: float = 1.0) -> list[Allocation]:
    """Distribute `slots` requests over the queues, most deserving first; `cost` is what one is reckoned at.

    Urgent lanes are asked before all others, up to their caps, and each queue is given at least the chance of one
    request while slots last. The result is a plan: a queue that turns out shorter leaves its slots for the next claim.
    """
    urgent = [queue for queue in queues if queue.urgent]
    shared = [queue for queue in queues if not queue.urgent]
    planned = _share(urgent, slots, cost)
    left = slots - sum(turn.slots for turn in planned)
    return planned + _share(shared, left, cost)


def _share(queues: Sequence[Queue], slots: int, cost: float) -> list[Allocation]:
    """Give slots one by one; each heap has at its top whoever is served least, and the least name among equals."""
    crowds: dict[str, dict[str, list[tuple[int, int, Queue]]]] = {}
    for queue in queues:
        crowds.setdefault(queue.lane, {}).setdefault(queue.tenant, []).append((0, queue.sender, queue))
    firsts = {lane: next(iter(tenants.values()))[0][2] for lane, tenants in crowds.items()}
    left = {lane: first.most for lane, first in firsts.items()}
    lanes = _heap({lane: first.served for lane, first in firsts.items()})
    tenants = {
        lane: _heap({name: senders[0][2].tenant_served for name, senders in crowd.items()})
        for lane, crowd in crowds.items()
    }
    for crowd in crowds.values():
        for senders in crowd.values():
            heapify(senders)
    given: dict[tuple[str, str, int], Allocation] = {}
    for _ in range(slots):
        while lanes and left[lanes[0][1]] <= 0:
            heappop(lanes)
        if not lanes:
            break
        served, lane = lanes[0]
        tenant_served, tenant = tenants[lane][0]
        senders = crowds[lane][tenant]
        count, sender, queue = senders[0]
        heapreplace(lanes, (served + cost / queue.weight, lane))
        heapreplace(tenants[lane], (tenant_served + cost, tenant))
        heapreplace(senders, (count + 1, sender, queue))
        left[lane] -= 1
        given[lane, tenant, sender] = Allocation(queue, count + 1)
    return list(given.values())


def _heap(served: dict[str, float]) -> list[tuple[float, str]]:
    heap = [(value, name) for name, value in _clamped(served).items()]
    heapify(heap)
    return heap


def _clamped(served: dict[str, float]) -> dict[str, float]:
    least = floor_share(served.values())
    return {name: max(value, least) for name, value in served.items()}
