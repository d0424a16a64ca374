"""Whose turn it is: urgent lanes first, then fair shares between lanes and between the tenants of a lane.

Stride scheduling (Waldspurger and Weihl, 1995): each lane and each tenant remembers how much it was served, divided by
its weight, and the smallest goes next. The memory lives in `smsgw.share`, so that all replicas take turns together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LAG = 1000.0
"""How far behind the most served a lane may count when it comes back after a rest, in parts over weight. A lane that
slept all night is owed nothing for the night."""


@dataclass(slots=True)
class Queue:
    """One lane and tenant with messages that may go now."""

    lane: str
    tenant: str
    urgent: bool
    weight: int
    served: float
    """Of the lane."""
    tenant_served: float


@dataclass(frozen=True, slots=True)
class Turn:
    """So many requests for one lane and tenant."""

    lane: str
    tenant: str
    slots: int


def rested(served: Iterable[float]) -> float:
    """Return the least that anyone among these counts as served; see `LAG`."""
    return max(served, default=0.0) - LAG


def turns(queues: Sequence[Queue], slots: int, *, cost: float = 1.0) -> list[Turn]:
    """Distribute `slots` requests over the queues, most deserving first; `cost` is what one is reckoned at.

    Urgent lanes are asked before all others, and each queue is given at least the chance of one request while slots
    last. The result is a plan: a queue that turns out shorter leaves its slots for the next claim.
    """
    urgent = [queue for queue in queues if queue.urgent]
    shared = [queue for queue in queues if not queue.urgent]
    planned = _share(urgent, slots, cost)
    left = slots - sum(turn.slots for turn in planned)
    return planned + _share(shared, left, cost)


def _share(queues: Sequence[Queue], slots: int, cost: float) -> list[Turn]:
    if not queues or slots <= 0:
        return []
    lanes = _clamped({queue.lane: queue.served for queue in queues})
    tenants = {
        lane: _clamped({queue.tenant: queue.tenant_served for queue in queues if queue.lane == lane}) for lane in lanes
    }
    weights = {queue.lane: queue.weight for queue in queues}
    given: dict[tuple[str, str], int] = {}
    for _ in range(slots):
        lane = min(lanes, key=lambda name: (lanes[name], name))
        tenant = min(tenants[lane], key=lambda name: (tenants[lane][name], name))
        lanes[lane] += cost / weights[lane]
        tenants[lane][tenant] += cost
        given[lane, tenant] = given.get((lane, tenant), 0) + 1
    return [Turn(lane, tenant, count) for (lane, tenant), count in given.items()]


def _clamped(served: dict[str, float]) -> dict[str, float]:
    least = rested(served.values())
    return {name: max(value, least) for name, value in served.items()}
