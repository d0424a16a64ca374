"""Remembers which queues had more to give, and from where on: for times when a look is dear.

The index of what waits keeps an entry for each message that was sent until vacuum may remove it, and while an old
transaction holds its snapshot vacuum may not. A look passes all of them: 30 ms for 100,000, before every claim. So a
look that was dear is not repeated at once: for a while only urgent lanes are looked at, and of the others the queues
that were seen, each from the place where it was left.

What such a quick look does not see waits for the next whole one: messages of other queues, requests to try again, and
messages that lie before the place because they were committed late, given back or let go. Nothing is lost by it and
nobody waits longer than some looks take; a process rests only after a whole look.

Two cases stay dear: the entries of urgent lanes, which every look passes, and a lane of 200 queues and more, because a
quick look does not go round.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.clock import monotonic
from gateway.store.claims import Head, Key, Place

DEAR = 0.003
"""Seconds of Postgres from which on a look is dear."""

SHARE = 0.1
"""Of its time, what a process may look at everything."""


class Places:
    """What one process knows of its queues since the last whole look."""

    def __init__(self, *, dear: float | None = None, monotonic: Callable[[], float] = monotonic) -> None:
        self._dear = DEAR if dear is None else dear
        self._monotonic = monotonic
        self._seen: dict[Key, Head] = {}
        self._until = 0.0

    def learn(self, ready: Sequence[Head]) -> None:
        """Remember what a whole look found, if it was dear."""
        took = max((head.took for head in ready), default=0.0)
        if took < self._dear:
            self.forget()
            return
        self._seen = {
            (head.lane, head.tenant, head.sender): head for head in ready if head.tenant is not None and not head.urgent
        }
        self._until = self._monotonic() + took * (1.0 / SHARE - 1.0)

    def forget(self) -> None:
        """Let the next look be a whole one."""
        self._seen = {}

    def known(self) -> list[Key]:
        """Return the queues of which messages wait; none when it is time for a whole look."""
        return list(self._seen) if self._monotonic() < self._until else []

    def left(self, places: Mapping[Key, Place | None]) -> None:
        """Remember where a claim left queues; None is for a queue that gave less than it was asked for."""
        for key, place in places.items():
            head = self._seen.pop(key, None)
            if head is not None and place is not None:
                self._seen[key] = replace(head, first=place)

    def find(self, heads: Sequence[Head]) -> list[Head]:
        """Return what a quick look found, with the places of what it took for granted."""
        found = []
        for head in heads:
            seen = None if head.tenant is None else self._seen.get((head.lane, head.tenant, head.sender))
            found.append(head if seen is None else replace(head, first=seen.first))
        return found
