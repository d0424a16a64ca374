"""Remembers a cursor for each queue that has more messages, so that scans can skip dead index entries.

The index of waiting messages keeps an entry for each sent message until VACUUM removes it. While an old transaction
holds its snapshot, VACUUM cannot. A scan reads all of these entries: 30 ms for 100,000 of them, before every claim. So
a slow scan is not repeated at once. It is followed by incremental scans: they read urgent lanes completely, and of the
other lanes only the known queues, each from its cursor.

What an incremental scan does not see waits for the next complete scan: messages of other queues, requests to retry, and
messages before the cursor because they were committed late, released or unparked. Nothing is lost, and no message waits
longer than a few scans take. A process sleeps only after a complete scan.

Two cases stay slow: urgent lanes, because every scan reads all of their entries, and a lane of 200 queues or more,
because an incremental scan does not wrap around.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.clock import monotonic
from gateway.store.claims import Cursor, Key, QueueHead

SLOW_SCAN_SECONDS = 0.003
"""Time in Postgres from which on a scan is slow."""

COMPLETE_SCAN_TIME_SHARE = 0.1
"""Share of its time that a process may spend on complete scans while they are slow."""


class QueueCursors:
    """What one process knows of its queues since the last complete scan."""

    def __init__(self, *, slow_scan: float | None = None, monotonic: Callable[[], float] = monotonic) -> None:
        self._slow_scan = SLOW_SCAN_SECONDS if slow_scan is None else slow_scan
        self._monotonic = monotonic
        self._known: dict[Key, QueueHead] = {}
        self._incremental_until = 0.0

    def record(self, ready: Sequence[QueueHead]) -> None:
        """Remember the queues that a complete scan found, if it was slow."""
        seconds = max((head.scan_seconds for head in ready), default=0.0)
        if seconds < self._slow_scan:
            self.reset()
            return
        self._known = {
            (head.lane, head.tenant, head.sender): head for head in ready if head.tenant is not None and not head.urgent
        }
        self._incremental_until = self._monotonic() + seconds * (1.0 / COMPLETE_SCAN_TIME_SHARE - 1.0)

    def reset(self) -> None:
        """Make the next scan a complete one."""
        self._known = {}

    def known(self) -> list[Key]:
        """Return the queues for an incremental scan; none when the next scan must be complete."""
        return list(self._known) if self._monotonic() < self._incremental_until else []

    def advance(self, cursors: Mapping[Key, Cursor | None]) -> None:
        """Store the new cursors of queues after a claim; None for a queue that gave fewer messages than requested."""
        for key, cursor in cursors.items():
            head = self._known.pop(key, None)
            if head is not None and cursor is not None:
                self._known[key] = replace(head, first=cursor)

    def resolve(self, heads: Sequence[QueueHead]) -> list[QueueHead]:
        """Return what an incremental scan found, with the cursors of the queues that it assumed to have messages."""
        resolved = []
        for head in heads:
            known = None if head.tenant is None else self._known.get((head.lane, head.tenant, head.sender))
            resolved.append(head if known is None else replace(head, first=known.first))
        return resolved
