"""A simulator and several replicas on one database, and the figures of a run."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.processes import Gateway, Simulator, free_port, poll

LIMIT, WINDOW = 25, 15.0

LONG_STALL = 0.5
"""Seconds. A shorter stall costs a run little."""

FILL = """
    insert into smsgw.outbox (to_number, body, lane)
    select '+1202' || to_char(5550000 + n % 10000, 'FM0000000'), 'text ' || n, 'bulk'
    from generate_series(1, $1::int) as n
"""

USED = """
    select count(*) as requests, coalesce(sum(r.parts), 0) as parts
    from smsgw.attempt as a
    inner join smsgw.request as r on r.id = a.request_id
    where a.started_at < (select min(started_at) from smsgw.attempt) + make_interval(secs => $1)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one run."""

    requests: int
    """Attempts that began during the run, by the database's clock."""
    parts: int
    arrived: int
    """Maximum number of arrivals in any window, as the provider counted them."""
    throttled: int
    """429s."""
    doubled: int
    stalled: float
    """Longest time that this machine let a process wait, in seconds. Arrivals are counted only as exactly as that."""
    stalls: float
    """Seconds of the stalls longer than `LONG_STALL`: the gateways lost this time too."""


class Fleet:
    """A simulator and some replicas on one database."""

    def __init__(
        self, stack: AsyncExitStack, folder: Path, dsn: str, connection: Any, *, window: float = WINDOW
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._dsn = dsn
        self.connection = connection
        self.window = window
        self.simulator: Any = None

    async def start(self, replicas: int, *, knobs: dict[str, Any], **settings: Any) -> None:
        """Start everything; nothing needs to be ready yet."""
        port = free_port()
        usual = {
            "send_limit": LIMIT, "send_window": self.window, "messages_per_minute": 1_000_000, "other_limit": 1000,
            "status_delay": [3600.0, 3600.0],
        }  # fmt: skip
        self.simulator = await Simulator(self._folder, port, **(usual | knobs)).start()
        self._stack.push_async_callback(self.simulator.process.stop)
        limit = {"request_limit": LIMIT, "request_window": f"{self.window}s", "request_spare": 0}
        for n in range(replicas):
            listen = port if n == 0 else free_port()
            gateway = Gateway(
                self._folder, self._dsn, self.simulator.base, listen, name=f"gateway{n}", **(limit | settings)
            )
            await gateway.start(ready=False)
            self._stack.push_async_callback(gateway.process.stop)

    async def wait_for_first_attempt(self) -> None:
        """Wait until the first attempt has begun."""
        await poll(lambda: self.connection.fetchval("select exists (select from smsgw.attempt)"), patience=120.0)

    async def run(self, seconds: float) -> Run:
        """Measure `seconds` from the first attempt on. Waits a little longer for what is then in flight."""
        await self.wait_for_first_attempt()
        stalls = await _stalls(seconds + 2.0)
        used = await self.connection.fetchrow(USED, seconds)
        stats = await self.simulator.get("stats")
        return Run(
            used["requests"], used["parts"], stats["fullest_window"], stats["refused_429"], stats["doubled"],
            max(stalls), sum(stall for stall in stalls if stall > LONG_STALL),
        )  # fmt: skip


async def _stalls(seconds: float) -> list[float]:
    """Wait this long in short sleeps; return by how much each of them came back late."""
    late, end = [], time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        await asyncio.sleep(0.05)
        late.append(time.monotonic() - began - 0.05)
    return late
