"""One heap of delayed calls. A task for each message would be too slow."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable


class Agenda:
    """Calls functions at their times, in order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Call `what` at a time of the monotonic clock."""
        heapq.heappush(self._heap, (moment, next(self._order), what))
        if self._heap[0][0] == moment:
            self._wake.set()

    def clear(self) -> None:
        """Drop everything."""
        self._heap.clear()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._wake.clear()
            now = time.monotonic()
            while self._heap and self._heap[0][0] <= now:
                heapq.heappop(self._heap)[2]()
            wait = self._heap[0][0] - time.monotonic() if self._heap else None
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
