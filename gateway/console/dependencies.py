"""What every page and every call of the API needs, put together once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from gateway.console.auth import Access
from gateway.console.rendering import Renderer
from gateway.console.replays import Replays
from gateway.console.status_cache import StatusCache
from gateway.metrics.registry import Metrics
from gateway.operations.doctor import Check
from gateway.store.pool import Pool

Doctor = Callable[[], Awaitable[Sequence[Check]]]
EXAMINATION = 30.0

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]


@dataclass(frozen=True, slots=True)
class ConsoleDeps:
    """What every page and endpoint of the console uses."""

    pool: Pool
    metrics: Metrics
    readiness: Readiness
    access: Access
    renderer: Renderer
    watch: StatusCache
    replays: Replays
    doctor: Doctor | None
    """What looks the installation over; None where the process cannot."""
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def examine(self) -> Sequence[Check]:
        """Return the doctor's lines. One examination at a time, however many ask: it costs the provider a few calls.

        Raises 404 where there is no doctor, and `TimeoutError` after `EXAMINATION` seconds.
        """
        if self.doctor is None:
            raise web.HTTPNotFound(text="This process cannot examine; run: smsgw doctor")
        async with asyncio.timeout(EXAMINATION), self.examining:
            return await self.doctor()
