"""How long a backlog lasts: urgent lanes drain first and together, then the others together by weight.

This is an estimate for a person. It assumes that each message is one part, that the rates stay as they are, and that
no new message arrives. A message that is sent alone costs a request. Messages that share requests are assumed to fill
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Queue:
    """The waiting messages of one lane."""

    lane: str
    messages: int
    urgent: bool
    weight: int
    coalesces: bool
    """Its messages may share a request."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What the limiter allows; infinite where there is no limit."""

    requests: float
    """Per second."""
    parts: float
    """Per second."""
    recipients: int
    """Maximum number of messages in one request."""
    blocked: float = 0.0
    """Seconds until anything may be sent."""

    def seconds_for(self, queue: Queue) -> float:
        """Return how long a queue takes if nothing else is sent."""
        messages_per_second = min(self.requests * (self.recipients if queue.coalesces else 1), self.parts)
        if queue.messages == 0:
            return 0.0
        return queue.messages / messages_per_second if messages_per_second > 0 else FOREVER


def drain(queues: Sequence[Queue], rates: Rates) -> Mapping[str, float]:
    """Return the seconds until each lane is empty; zero where nothing waits."""
    urgent = [queue for queue in queues if queue.urgent]
    others = [queue for queue in queues if not queue.urgent]
    urgent_ends = _share_by_weight({queue.lane: (rates.seconds_for(queue), 1.0) for queue in urgent}, rates.blocked)
    start = max([rates.blocked, *(end for end in urgent_ends.values() if end)])
    other_ends = _share_by_weight({q.lane: (rates.seconds_for(q), float(q.weight)) for q in others}, start)
    return urgent_ends | other_ends


def _share_by_weight(work: Mapping[str, tuple[float, float]], start: float) -> dict[str, float]:
    """Return when each lane is done, given its seconds of work and its weight, if all of them begin at `start`.

    While lanes share the rate, the remaining work per weight falls equally for all of them. So they end in the order
    of work per weight, and between two ends the rate is divided among the weights that remain.
    """
    ends = {lane: 0.0 for lane, (seconds, _) in work.items() if seconds <= 0}
    order = sorted((seconds / weight, lane, weight) for lane, (seconds, weight) in work.items() if seconds > 0)
    remaining_weight = sum(weight for _, _, weight in order)
    now, done_per_weight = start, 0.0
    for work_per_weight, lane, weight in order:
        now = FOREVER if work_per_weight == FOREVER else now + (work_per_weight - done_per_weight) * remaining_weight
        ends[lane] = now
        done_per_weight, remaining_weight = work_per_weight, remaining_weight - weight
    return ends
