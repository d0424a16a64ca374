"""How long a backlog lasts: lanes drained side by side, urgent ones first, the others by their weights.

An estimate for a person. It takes each message for one part, the rates for what they are now, and nothing new for
arriving; a message that goes alone costs a request, one that shares costs its part of a full one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in one lane."""

    lane: str
    messages: int
    urgent: bool
    weight: int
    coalesces: bool
    """Its messages may share a request."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What the limiter gives; infinite where there is no limit."""

    requests: float
    """A second."""
    parts: float
    """A second."""
    recipients: int
    """Most messages in one request."""
    blocked: float = 0.0
    """Seconds until anything goes at all."""

    def seconds_of(self, queue: Queue) -> float:
        """Return how long all of a queue takes if nothing else goes."""
        speed = min(self.requests * (self.recipients if queue.coalesces else 1), self.parts)
        if queue.messages == 0:
            return 0.0
        return queue.messages / speed if speed > 0 else FOREVER


def drain(queues: Sequence[Queue], rates: Rates) -> Mapping[str, float]:
    """Return the seconds until each lane is empty; zero where nothing waits."""
    urgent = [queue for queue in queues if queue.urgent]
    others = [queue for queue in queues if not queue.urgent]
    begin = _share({queue.lane: (rates.seconds_of(queue), 1.0) for queue in urgent}, rates.blocked)
    after = max([rates.blocked, *(end for end in begin.values() if end)])
    rest = _share({queue.lane: (rates.seconds_of(queue), float(queue.weight)) for queue in others}, after)
    return begin | rest


def _share(work: Mapping[str, tuple[float, float]], start: float) -> dict[str, float]:
    """Return when each piece of work is done, all of them from `start` on, sharing one line by their weights.

    While they share, work for weight goes down equally for all: so they end in that order, and between two ends
    the line serves the weights that are left.
    """
    done = {name: 0.0 for name, (seconds, _) in work.items() if seconds <= 0}
    order = sorted((seconds / weight, name, weight) for name, (seconds, weight) in work.items() if seconds > 0)
    weights = sum(weight for _, _, weight in order)
    now, level = start, 0.0
    for share, name, weight in order:
        now = FOREVER if share == FOREVER else now + (share - level) * weights
        done[name] = now
        level, weights = share, weights - weight
    return done
