"""What every page and every endpoint of the API uses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from gateway.console.auth import Authenticator
from gateway.console.rendering import Renderer
from gateway.console.replays import BackgroundReplays
from gateway.console.status_cache import StatusCache
from gateway.metrics.registry import Metrics
from gateway.operations.doctor import Check
from gateway.store.pool import Pool

Doctor = Callable[[], Awaitable[Sequence[Check]]]
DOCTOR_TIMEOUT = 30.0

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]


@dataclass(frozen=True, slots=True)
class ConsoleDeps:
    """What every page and endpoint of the console uses."""

    pool: Pool
    metrics: Metrics
    readiness: Readiness
    authenticator: Authenticator
    renderer: Renderer
    status_cache: StatusCache
    replays: BackgroundReplays
    doctor: Doctor | None
    """None where the process cannot run the checks."""
    doctor_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run_doctor(self) -> Sequence[Check]:
        """Return the doctor's checks. Only one run at a time, because each makes several calls to the provider.

        Raises 404 where there is no doctor, and `TimeoutError` after `DOCTOR_TIMEOUT` seconds.
        """
        if self.doctor is None:
            raise web.HTTPNotFound(text="This process cannot run the doctor. Run: smsgw doctor")
        async with asyncio.timeout(DOCTOR_TIMEOUT), self.doctor_lock:
            return await self.doctor()
