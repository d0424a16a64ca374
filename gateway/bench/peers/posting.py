"""What all Python peers share: their settings and the POST request."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import aiohttp

from gateway.bench.rawclient import body


@dataclass(frozen=True, slots=True)
class Told:
    """The settings of a peer, from its environment."""

    dsn: str
    url: str
    rows: int
    tuned: bool
    concurrency: int

    def bodies(self) -> list[str]:
        """Return the bytes of every row, as text."""
        return [body(number).decode() for number in range(1, self.rows + 1)]


def told() -> Told:
    """Return it."""
    return Told(
        os.environ["BENCH_DSN"],
        os.environ["BENCH_URL"],
        int(os.environ["BENCH_ROWS"]),
        os.environ["BENCH_MODE"] == "tuned",
        int(os.environ["BENCH_CONCURRENCY"]),
    )


class Poster:
    """Makes the same call as the gateway and the bare client."""

    def __init__(self, url: str, concurrency: int) -> None:
        self._url = f"{url}/v3/send"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def post(self, content: str) -> None:
        """Post one row. Raises for anything but a 200, so that the peer retries."""
        headers = {
            "Authorization": "Bearer bench-key",
            "Content-Type": "application/json",
            "X-Request-Id": uuid4().hex,
        }
        async with self._session.post(self._url, data=content.encode(), headers=headers) as response:
            response.raise_for_status()
            await response.read()

    async def close(self) -> None:
        """Close connections."""
        await self._session.close()


async def until_stopped(stop: Callable[[], None] | None = None) -> None:
    """Wait for SIGTERM; then call `stop`."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    if stop is not None:
        stop()


def run(
    enqueue: Callable[[Told], Awaitable[None]], work: Callable[[Told], Awaitable[None]], *, fast: bool = True
) -> None:
    """Run the phase that the command line names, on uvloop if the peer supports it."""
    chosen = {"enqueue": enqueue, "work": work}[sys.argv[1]]

    async def main() -> None:
        await chosen(told())

    if fast:
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())
