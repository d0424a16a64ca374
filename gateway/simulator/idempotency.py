"""Memory of `X-Request-Id`."""

import math
from collections import OrderedDict
from enum import StrEnum


class Known(StrEnum):
    """What is remembered of an id."""

    RUNNING = "running"
    CONSUMED = "consumed"


class RequestIds:
    """Ids by the time when they are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Known, float]] = OrderedDict()

    def look_up(self, request_id: str, now: float) -> Known | None:
        """Return what is remembered of the id."""
        while self._known and next(iter(self._known.values()))[1] <= now:
            self._known.popitem(last=False)
        found = self._known.get(request_id)
        return None if found is None or found[1] <= now else found[0]

    def start(self, request_id: str) -> None:
        """Remember that a request with this id is in progress."""
        self._known[request_id] = (Known.RUNNING, math.inf)

    def consume(self, request_id: str, now: float, memory: float) -> None:
        """Remember the id as used up."""
        self._known[request_id] = (Known.CONSUMED, now + memory)
        self._known.move_to_end(request_id)

    def forget(self, request_id: str) -> None:
        """Free an id whose request was refused."""
        self._known.pop(request_id, None)
