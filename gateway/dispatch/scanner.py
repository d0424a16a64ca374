"""Finds the head of each queue that waits. One scan reads a bounded number of queues, and the next continues after it.

Every tenant and every sender with waiting messages has a queue of its own. Applications choose both, so there may be
any number of queues. A scan reads up to `MAX_QUEUES_PER_LANE` of each lane. It reads every lane, so a large number of
queues in one lane delays no message of another lane. A pass is complete when all that waits was seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import monotonic
from gateway.dispatch.cursors import QueueCursors
from gateway.store import claims
from gateway.store.claims import QueueHead
from gateway.store.pool import Connection

MAX_QUEUES_PER_LANE = 200
"""Queues of one lane that one scan reads: more than a claim has slots for, and a few milliseconds of Postgres."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan found."""

    ready: list[QueueHead]
    """Queues with something that may be sent now."""
    complete: bool
    """All that waits was seen since the pass began."""
    wait: float | None
    """Seconds until the first of the queues of this pass that were not ready is ready; None if there are none."""
    route_failing: bool = False
    """The route failed recently, or its circuit breaker is open."""


class QueueScanner:
    """The position of one process in its pass over the queues. Another process makes passes of its own.

    A pass reads every lane from its start to its end. The pass values of fair share are common to all processes.
    """

    def __init__(
        self, route: str, *, cursors: QueueCursors | None = None, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self._route = route
        self._monotonic = monotonic
        self.cursors = cursors or QueueCursors(monotonic=monotonic)
        self._messages_after: dict[str, tuple[str, int]] = {}
        self._retries_after: dict[str, int] = {}
        self._from_start = True
        """Nothing that this pass has not seen lies before its positions."""
        self._ready_at: float | None = None

    def start_pass(self) -> None:
        """Start a new pass where the last scan ended: what was seen before may have changed."""
        self._from_start = not (self._messages_after or self._retries_after)
        self._ready_at = None

    async def scan(self, connection: Connection) -> ScanResult:
        """Scan the next queues of every lane, without those that are paused. After a complete pass a new one begins.

        Incremental scans follow a slow one. They see only what is ready. If one sees nothing, a complete scan follows.
        """
        if known := self.cursors.known():
            heads = await claims.scan_queue_heads(connection, self._route, {}, {}, MAX_QUEUES_PER_LANE, known)
            ready = [head for head in self.cursors.resolve(heads) if head.wait <= 0 and not head.paused]
            if ready:
                return ScanResult(ready, complete=False, wait=None, route_failing=_route_failing(heads))
        return await self._scan_all(connection)

    async def _scan_all(self, connection: Connection) -> ScanResult:
        heads = await claims.scan_queue_heads(
            connection, self._route, self._messages_after, self._retries_after, MAX_QUEUES_PER_LANE
        )
        at_end = self._advance(heads)
        unpaused = [head for head in heads if not head.paused]
        ready = [head for head in unpaused if head.wait <= 0]
        # An incremental scan returns only queues that it knows, so those of a crowded lane would keep waiting.
        self.cursors.record(ready if at_end and self._from_start else [])
        if len(ready) < len(unpaused):
            self._note_wait(min(head.wait for head in unpaused if head.wait > 0))
        wait = None if self._ready_at is None else max(0.0, self._ready_at - self._monotonic())
        complete = at_end and self._from_start
        if at_end:
            self.start_pass()
        return ScanResult(ready, complete, wait, _route_failing(heads))

    def _note_wait(self, wait: float) -> None:
        """Remember that something that cannot be sent now may be sent in `wait` seconds."""
        moment = self._monotonic() + wait
        self._ready_at = moment if self._ready_at is None else min(self._ready_at, moment)

    def _advance(self, heads: list[QueueHead]) -> bool:
        """Continue after what was seen; return whether every lane was read to its end."""
        seen: dict[tuple[str, bool], list[QueueHead]] = {}
        for head in heads:
            seen.setdefault((head.lane, head.retry), []).append(head)
        last_heads = [found[-1] for found in seen.values() if len(found) >= MAX_QUEUES_PER_LANE]
        self._messages_after = {head.lane: (head.tenant or "", head.sender) for head in last_heads if not head.retry}
        self._retries_after = {head.lane: head.sender for head in last_heads if head.retry}
        return not last_heads


def _route_failing(heads: list[QueueHead]) -> bool:
    return any(head.route_failures or head.route_open for head in heads)
