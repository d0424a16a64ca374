"""What every page and every call of the API needs, put together once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.console.access import Access
from gateway.console.rendering import Renderer
from gateway.console.watch import Watch
from gateway.metrics.registry import Metrics
from gateway.store.pool import Pool

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
    max_recipients: int

    async def fetch(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Return what `work` does with a connection of the pool."""
        async with self.pool.acquire() as connection:
            return await work(connection)
