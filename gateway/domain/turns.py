"""Whose turn it is: urgent lanes first, then fair shares between lanes and between the tenants of a lane.

Stride scheduling (Waldspurger and Weihl, 1995): each lane and each tenant remembers how much it was served, divided by
its weight, and the smallest goes next. The memory lives in `smsgw.share`, so that all replicas take turns together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
class Turn:
    """So many requests for one queue."""

    queue: Queue
    slots: int


def rested(served: Iterable[float]) -> float:
    """Return the least that anyone among these counts as served; see `LAG`."""
    return max(served, default=0.0) - LAG


def turns(queues: Sequence[Queue], slots: int, *, cost: float = 1.0) -> list[Turn]:
    """Distribute `slots` requests over the queues, most deserving first; `cost` is what one is reckoned at.

    Urgent lanes are asked before all others, up to their caps, and each queue is given at least the chance of one
    request while slots last. The result is a plan: a queue that turns out shorter leaves its slots for the next claim.
    """
    urgent = [queue for queue in queues if queue.urgent]
    shared = [queue for queue in queues if not queue.urgent]
    planned = _share(urgent, slots, cost)
    left = slots - sum(turn.slots for turn in planned)
    return planned + _share(shared, left, cost)


def _share(queues: Sequence[Queue], slots: int, cost: float) -> list[Turn]:
    lanes = _clamped({queue.lane: queue.served for queue in queues})
    tenants = {
        lane: _clamped({queue.tenant: queue.tenant_served for queue in queues if queue.lane == lane}) for lane in lanes
    }
    senders: dict[tuple[str, str], list[Queue]] = {}
    for queue in queues:
        senders.setdefault((queue.lane, queue.tenant), []).append(queue)
    weights = {queue.lane: queue.weight for queue in queues}
    left = {queue.lane: queue.most for queue in queues}
    given: dict[Queue, int] = {}
    for _ in range(slots):
        open_lanes = [name for name in lanes if left[name] > 0]
        if not open_lanes:
            break
        lane = min(open_lanes, key=lambda name: (lanes[name], name))
        tenant = min(tenants[lane], key=lambda name: (tenants[lane][name], name))
        queue = min(senders[lane, tenant], key=lambda one: (given.get(one, 0), one.sender))
        lanes[lane] += cost / weights[lane]
        tenants[lane][tenant] += cost
        left[lane] -= 1
        given[queue] = given.get(queue, 0) + 1
    return [Turn(queue, count) for queue, count in given.items()]


def _clamped(served: dict[str, float]) -> dict[str, float]:
    least = rested(served.values())
    return {name: max(value, least) for name, value in served.items()}
