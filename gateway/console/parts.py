"""What every page and every call of the API needs, put together once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.console.access import Access
from gateway.console.rendering import Renderer
from gateway.console.replays import Replays
from gateway.console.watch import Watch
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

Doctor = Callable[[], Awaitable[Sequence[Any]]]
Readiness = Callable[[], Awaitable[Mapping[str, bool]]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The console's parts."""

    pool: Pool
    metrics: Metrics
    readiness: Readiness
    access: Access
    renderer: Renderer
    watch: Watch
    replays: Replays
    doctor: Doctor | None
    """What looks the installation over; None where the process cannot."""
