"""What a claim tidies first: messages that nobody may send any more, and those whose tag is no longer paused."""

import time
from collections.abc import Callable

from gateway.dispatch.observer import Observer
from gateway.store import claims
from gateway.store.claims import Ending
from gateway.store.pool import Connection

AT_ONCE = 1000
"""Messages changed in one statement; a backlog that expired during an outage goes in many."""

EVERY = 1.0
"""Seconds between two looks. The claim itself never takes a message that has expired."""


class Sweeper:
    """Ends and lets go, at a slow beat and in short statements of their own."""

    def __init__(self, observer: Observer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._observer = observer
        self._monotonic = monotonic
        self._next = 0.0

    async def sweep(self, connection: Connection) -> None:
        """Look, if it is time. Killed in here, the next look does the rest."""
        if self._monotonic() < self._next:
            return
        lanes = await claims.expire(connection, AT_ONCE)
        for lane in lanes:
            self._observer.ended(lane, Ending.EXPIRED.value, 1)
        freed = await claims.let_go(connection, AT_ONCE)
        # A full batch means there is more: go on with the next claim and not only in a second.
        if len(lanes) < AT_ONCE and freed < AT_ONCE:
            self._next = self._monotonic() + EVERY
