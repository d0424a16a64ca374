"""Looks at what waits, and goes round where that is more than one scan should cost.

Every tenant and every sending number of which messages wait is a queue of its own, and both are words of the
application: there may be any number of them. So one scan takes up a bounded number of each lane, and the next one goes
on from there. Every lane is looked at each time, so a crowd in one of them delays nobody in another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.clock import monotonic
from gateway.dispatch.cursors import QueueCursors
from gateway.store import claims
from gateway.store.claims import Cursor, Key, QueueHead
from gateway.store.pool import Connection

MAX_QUEUES = 200
"""Queues of one lane that a scan takes up: more than a claim has slots for, and a few milliseconds of Postgres."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan found."""

    ready: list[QueueHead]
    """May go now."""
    complete: bool
    """Everything that waits was seen since the round began."""
    wait: float | None
    """Seconds until the first of what was seen in this round, and could not go, may go; None if there was nothing."""


class QueueScanner:
    """Where the looks of one process have come to. Another process goes its own rounds; the shares are common."""

    def __init__(
        self, route: str, *, places: QueueCursors | None = None, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self._route = route
        self._monotonic = monotonic
        self._cursors = places or QueueCursors(monotonic=monotonic)
        self._after: dict[str, tuple[str, int]] = {}
        self._again_after: dict[str, int] = {}
        self._ends: dict[tuple[str, bool], int] = {}
        """How often the end of a lane must still be passed until all of it was seen."""
        self._soonest: float | None = None
        self.failing = False
        """The last scan found that the route has failed lately."""

    def begin(self) -> None:
        """Begin a new round where the last scan ended: what was seen before may have changed."""
        # The part of a lane behind its first end was seen only when that end is passed again.
        self._ends = {(lane, False): 2 for lane in self._after} | {(lane, True): 2 for lane in self._again_after}
        self._soonest = None

    def note(self, wait: float) -> None:
        """Remember that something that could not go now may go in so many seconds."""
        moment = self._monotonic() + wait
        self._soonest = moment if self._soonest is None else min(self._soonest, moment)

    def left(self, places: Mapping[Key, Cursor | None]) -> None:
        """Hear where a claim left queues, None for what gave less than it was asked for."""
        self._cursors.left(places)

    def forget(self) -> None:
        """Take nothing for granted at the next scan."""
        self._cursors.forget()

    async def scan(self, connection: Connection) -> ScanResult:
        """Scan the next queues of every lane, without those that are paused. After a complete pass a new one begins.

        Incremental scans follow a slow one. They see only what may go; if one sees nothing, a complete scan follows.
        """
        if known := self._cursors.known():
            heads = await claims.scan_queue_heads(connection, self._route, {}, {}, MAX_QUEUES, known)
            self.failing = any(head.route_failures or head.route_open for head in heads)
            ready = [head for head in self._cursors.find(heads) if head.wait <= 0 and not head.paused]
            if ready:
                return ScanResult(ready, complete=False, wait=None)
        return await self._scan_all(connection)

    async def sees_urgent(self, connection: Connection, *, besides: set[tuple[str, str | None, int]]) -> bool:
        """Return whether an urgent queue (lane, tenant, sending number) may go now besides those that are known of.

        It is among the first of its lane; the next scan begins there.
        """
        heads = await claims.scan_queue_heads(connection, self._route, {}, {}, MAX_QUEUES, known=())
        new = {
            head.lane
            for head in heads
            if head.wait <= 0 and not head.paused and (head.lane, head.tenant, head.sender) not in besides
        }
        for lane in new:
            self._after.pop(lane, None)
            self._again_after.pop(lane, None)
        return bool(new)

    async def _scan_all(self, connection: Connection) -> ScanResult:
        heads = await claims.scan_queue_heads(connection, self._route, self._after, self._again_after, MAX_QUEUES)
        self.failing = any(head.route_failures or head.route_open for head in heads)
        complete = self._go_on(heads)
        crowded = bool(self._after or self._again_after)
        open_heads = [head for head in heads if not head.paused]
        ready = [head for head in open_heads if head.wait <= 0]
        # Quick looks don't go round, so they would keep the turn from those that were not seen.
        self._cursors.record([] if crowded else ready)
        if len(ready) < len(open_heads):
            self.note(min(head.wait for head in open_heads if head.wait > 0))
        wait = None if self._soonest is None else max(0.0, self._soonest - self._monotonic())
        if complete:
            if not ready:
                # Nobody loses a place by it, and from the start one round is half as long.
                self._after, self._again_after = {}, {}
            self.begin()
        return ScanResult(ready, complete, wait)

    def _go_on(self, heads: list[QueueHead]) -> bool:
        """Move on behind what was seen; return whether that ends the round."""
        seen: dict[tuple[str, bool], list[QueueHead]] = {}
        for head in heads:
            seen.setdefault((head.lane, head.retry), []).append(head)
        crowded = {key: found for key, found in seen.items() if len(found) >= MAX_QUEUES}
        lasts = [found[-1] for found in crowded.values()]
        self._after = {head.lane: (head.tenant or "", head.sender) for head in lasts if not head.retry}
        self._again_after = {head.lane: head.sender for head in lasts if head.retry}
        for key, found in crowded.items():
            self._ends[key] = self._ends.get(key, 1) - found[-1].around
        return all(self._ends[key] <= 0 for key in crowded)
