"""Remembers which queues had more to give, and from where on: for times when a scan is slow.

The index of what waits keeps an entry for each message that was sent until vacuum may remove it, and while an old
transaction holds its snapshot vacuum may not. A scan passes all of them: 30 ms for 100,000, before every claim. So a
scan that was slow is not repeated at once: for a while only urgent lanes are looked at, and of the others the queues
that were seen, each from the place where it was left.

What an incremental scan does not see waits for the next complete one: messages of other queues, requests to retry, and
messages that lie before the place because they were committed late, given back or let go. Nothing is lost by it and
nobody waits longer than some looks take; a process rests only after a complete scan.

Two cases stay slow: the entries of urgent lanes, which every scan passes, and a lane of 200 queues and more, because a
quick scan does not go round.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.clock import monotonic
from gateway.store.claims import Cursor, Key, QueueHead

SLOW = 0.003
"""Seconds of Postgres from which on a scan is slow."""

SHARE = 0.1
"""Of its time, what a process may scan at everything."""


class QueueCursors:
    """What one process knows of its queues since the last complete scan."""

    def __init__(self, *, slow: float | None = None, monotonic: Callable[[], float] = monotonic) -> None:
        self._slow = SLOW if slow is None else slow
        self._monotonic = monotonic
        self._seen: dict[Key, QueueHead] = {}
        self._until = 0.0

    def record(self, ready: Sequence[QueueHead]) -> None:
        """Remember what a complete scan found, if it was slow."""
        took = max((head.took for head in ready), default=0.0)
        if took < self._slow:
            self.forget()
            return
        self._seen = {
            (head.lane, head.tenant, head.sender): head for head in ready if head.tenant is not None and not head.urgent
        }
        self._until = self._monotonic() + took * (1.0 / SHARE - 1.0)

    def forget(self) -> None:
        """Let the next scan be a complete one."""
        self._seen = {}

    def known(self) -> list[Key]:
        """Return the queues of which messages wait; none when it is time for a complete scan."""
        return list(self._seen) if self._monotonic() < self._until else []

    def left(self, places: Mapping[Key, Cursor | None]) -> None:
        """Remember where a claim left queues; None is for a queue that gave less than it was asked for."""
        for key, place in places.items():
            head = self._seen.pop(key, None)
            if head is not None and place is not None:
                self._seen[key] = replace(head, first=place)

    def find(self, heads: Sequence[QueueHead]) -> list[QueueHead]:
        """Return what a quick scan found, with the places of what it took for granted."""
        found = []
        for head in heads:
            seen = None if head.tenant is None else self._seen.get((head.lane, head.tenant, head.sender))
            found.append(head if seen is None else replace(head, first=seen.first))
        return found
