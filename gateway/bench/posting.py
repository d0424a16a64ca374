"""Webhook calls, and the servers that they are compared on; each in its own process.

    python -m gateway.bench.posting generate FILE PORT CONNECTIONS
    python -m gateway.bench.posting serve bare|nothing PORT

The first sends the requests of a file, divided by a zero byte, and prints what it saw as a JSON object. The second is
either an ordinary aiohttp handler that checks the signature and answers, or a server that does nothing at all, against
which the first shows its own ceiling.
"""

import asyncio
import json
import signal
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop
from aiohttp import web

from gateway.provider.mta.signature import verify

SECRET = "a-secret-of-the-benchmark"  # noqa: S105  not a real secret


@dataclass(frozen=True, slots=True)
class Load:
    """The result of the generator."""

    answers: int
    refused: int
    per_second: float
    p50_ms: float
    p99_ms: float


class _Sender(asyncio.Protocol):
    """One connection: it sends the next request after each answer."""

    def __init__(self, work: "deque[bytes]", times: list[float], bad: list[int], done: "asyncio.Future[None]") -> None:
        self._work, self._times, self._bad, self._done = work, times, bad, done
        self._held = b""
        self._out: asyncio.WriteTransport | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.WriteTransport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, rest = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r", 1)[0] or 0)
        if len(rest) < length:
            return
        self._held = rest[length:]
        self._times.append(time.perf_counter() - self._began)
        if head[9:12] != b"200":
            self._bad.append(1)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("closed the connection"))

    def _next(self) -> None:
        if self._out is None or self._done.done():
            return
        if not self._work:
            self._done.set_result(None)
            return
        self._began = time.perf_counter()
        self._out.write(self._work.popleft())


async def generate(port: int, requests: Sequence[bytes], connections: int) -> Load:
    """Send all requests over several connections; each sends the next request after an answer."""
    work, times, bad = deque(requests), list[float](), list[int]()
    loop = asyncio.get_running_loop()
    done = [loop.create_future() for _ in range(connections)]

    def sender(one: "asyncio.Future[None]") -> Callable[[], _Sender]:
        return lambda: _Sender(work, times, bad, one)

    began = time.perf_counter()
    made = [await loop.create_connection(sender(one), "127.0.0.1", port) for one in done]
    await asyncio.gather(*done)
    seconds = time.perf_counter() - began
    for transport, _ in made:
        transport.close()
    cuts = statistics.quantiles(times, n=100)
    return Load(len(times) - len(bad), len(bad), len(times) / seconds, cuts[49] * 1000, cuts[98] * 1000)


def bare(secrets: Sequence[str]) -> web.Application:
    """Return the baseline: an ordinary aiohttp handler that reads the body, checks the signature and answers."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        good = verify(secrets, body, request.headers.get("X-Signature"))
        return web.Response(status=200 if good else 401)

    app = web.Application()
    app.router.add_post("/webhooks/mta/{event}", handle)
    return app


class _Nothing(asyncio.Protocol):
    """Answers every request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def _serve(what: str, port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if what == "nothing":
        async with await asyncio.get_running_loop().create_server(_Nothing, "127.0.0.1", port):
            await stop.wait()
        return
    runner = web.AppRunner(bare([SECRET]), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Run the command."""
    match sys.argv[1:]:
        case ["generate", file, port, connections]:
            requests = Path(file).read_bytes().split(b"\0")
            print(json.dumps(asdict(uvloop.run(generate(int(port), requests, int(connections))))))
        case ["serve", ("bare" | "nothing") as what, port]:
            uvloop.run(_serve(what, int(port)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
