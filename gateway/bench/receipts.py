"""Durable receipts a second, beside a handler that only checks the signature: `python -m gateway.bench.receipts`.

In one run, with one generator and the same signed bodies: first a bare aiohttp handler that checks the HMAC and
answers, then `smsgw run --only webhook` on a Postgres that syncs, with the fold on. Every 200 of the second is a
committed receipt; the run fails if the journal holds fewer. Reported too: how far the fold was behind when the load
ended, how long it took to catch up, and what the generator reaches against a server that does nothing, its ceiling.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import uvloop
from aiohttp import web

from gateway.embedded import EmbeddedPostgres
from gateway.receipts.signature import sign, verify
from gateway.store.migrate import migrate
from gateway.store.pool import connect
from gateway.store.sql import sql_root

SECRET = "a-secret-of-the-benchmark"  # noqa: S105  no secret of anybody
EVENTS = ("message-send", "delivery-status", "delivery-status")
STATUSES = (3, 3, 4)
MEMBERS = 500
"""Messages of one request, as many as the gateway sends at the most by default."""

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator saw."""

    answers: int
    refused: int
    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run measured."""

    bare: Load
    durable: Load
    ratio: float
    """Durable receipts a second, divided by those of the bare handler."""
    ceiling: float
    """Answers a second that the generator gets out of a server that does nothing."""
    journalled: int
    behind_at_end: int
    """Receipts that were journalled and not yet folded when the load ended."""
    caught_up_after: float
    """Seconds from the end of the load until every receipt was folded."""
    delivered: int


class _Sender(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the one before is in."""

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
            self._done.set_exception(exc or ConnectionError("hung up"))

    def _next(self) -> None:
        if self._out is None or self._done.done():
            return
        if not self._work:
            self._done.set_result(None)
            return
        self._began = time.perf_counter()
        self._out.write(self._work.popleft())


async def generate(port: int, requests: Sequence[bytes], connections: int) -> Load:
    """Send all requests over so many connections, each the next one as soon as it has its answer."""
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
    """Return the yardstick: an ordinary aiohttp handler that reads the body, checks the signature and answers."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        good = verify(secrets, body, request.headers.get("X-Signature"))
        return web.Response(status=200 if good else 401)

    app = web.Application()
    app.router.add_post("/webhooks/mta/{event}", handle)
    return app


class _Nothing(asyncio.Protocol):
    """Answers whatever comes, in one piece as the generator sends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def bodies(requests: Sequence[UUID], members: int) -> list[bytes]:
    """Return the signed HTTP requests of every message's three events, as they would interleave."""
    made = []
    for step, event in enumerate(EVENTS):
        for request in requests:
            for number in range(members):
                body = json.dumps(
                    {
                        "type": event, "messageId": str(request), "externalId": f"{request.hex}-0",
                        "status": STATUSES[step], "fromNumber": "+18005550199", "toNumber": f"+1202555{number:04}",
                        "timestamp": f"2026-05-01T18:43:1{step}.000Z", "tags": {"lane": "bulk"},
                    },
                    separators=(",", ":"),
                ).encode()  # fmt: skip
                made.append(
                    f"POST /webhooks/mta/{event} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    f"X-Signature: {sign(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
    # The three events of one message lie some hundred receipts apart, as they do when a line works at full speed.
    third, window = len(made) // len(EVENTS), 200
    order = sorted(range(len(made)), key=lambda index: (index % third) + (index // third) * window)
    return [made[index] for index in order]


async def _fill(dsn: str, messages: int, members: int) -> list[UUID]:
    requests = [uuid4() for _ in range(max(1, messages // members))]
    connection = await connect(dsn, purpose="bench")
    try:
        for request in requests:
            made = await connection.fetchval(_sql("receipts_fill"), request, members)
            await connection.execute(_sql("receipts_bind"), request, made)
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
    return requests


async def _state(dsn: str) -> tuple[int, int, int]:
    connection = await connect(dsn, purpose="bench")
    try:
        row = await connection.fetchrow(_sql("receipts_state"))
        assert row is not None  # three counts are always a row  # noqa: S101
        return row["journalled"], row["unfolded"], row["delivered"]
    finally:
        await connection.close()


def _sql(name: str) -> str:
    return (sql_root() / "bench" / f"{name}.sql").read_text(encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _serving(arguments: Sequence[str], port: int, environment: dict[str, str], log: Path) -> AsyncIterator[int]:
    """Run a server as a process until the end of the context; gives its process id."""
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: ASYNC220  it returns at once
            [sys.executable, *arguments], env=os.environ | environment, stdout=file, stderr=file
        )
    try:
        async with asyncio.timeout(PATIENCE):
            while not await _listens(port):
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended at its start; see {log}")
                await asyncio.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _load(port: int, sent: Path, connections: int) -> Load:
    """Generate in a process of its own, so that it shares no interpreter with what it measures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.bench.receipts", "--generate", str(sent), "--port", str(port),
        "--connections", str(connections), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the generator broke")
    return Load(**json.loads(out))


async def measure(*, messages: int = 20_000, members: int = MEMBERS, connections: int = 32) -> Figures:
    """Run everything once; three receipts for each message.

    Raises `RuntimeError` when an answer was no 200, or when an answered receipt is not in the journal.
    """
    # Two folders, because the server's belongs to whom it steps down to.
    with (
        tempfile.TemporaryDirectory(prefix="smsgw-bench-", dir="/var/tmp") as state,
        tempfile.TemporaryDirectory(prefix="smsgw-bench-", dir="/var/tmp") as folder,
    ):
        server = EmbeddedPostgres(Path(state))
        try:
            return await _measure(server.start().dsn, Path(folder), messages, min(members, messages), connections)
        finally:
            server.stop()


async def _measure(dsn: str, folder: Path, messages: int, members: int, connections: int) -> Figures:
    await migrate(dsn)
    requests = await _fill(dsn, messages, members)
    sent, log = folder / "requests", folder / "log"
    every = bodies(requests, members)
    sent.write_bytes(b"\0".join(every))
    this = ["-m", "gateway.bench.receipts"]
    async with _serving([*this, "--serve", "nothing", "--port", str(port := _free_port())], port, {}, log):
        ceiling = await _load(port, sent, connections)
    async with _serving([*this, "--serve", "bare", "--port", str(port := _free_port())], port, {}, log):
        plain = await _load(port, sent, connections)
    environment = {
        "SMSGW_DATABASE_URL": dsn, "SMSGW_WEBHOOK_SECRET": SECRET,
        "SMSGW_WEBHOOK_LISTEN": f"127.0.0.1:{(port := _free_port())}",
    }  # fmt: skip
    async with _serving(["-m", "gateway.cli", "run", "--only", "webhook"], port, environment, log):
        durable = await _load(port, sent, connections)
        ended = time.monotonic()
        journalled, behind, _ = await _state(dsn)
        async with asyncio.timeout(PATIENCE):
            while (await _state(dsn))[1]:  # noqa: ASYNC110  another process folds
                await asyncio.sleep(0.1)
        caught_up = time.monotonic() - ended
        delivered = (await _state(dsn))[2]
    if durable.refused or plain.refused or journalled != len(every):
        raise RuntimeError(f"{durable.refused} refused, {len(every) - journalled} of {len(every)} not in the journal")
    return Figures(
        plain, durable, durable.per_second / plain.per_second, ceiling.per_second, journalled, behind, caught_up,
        delivered,
    )  # fmt: skip


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
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m gateway.bench.receipts", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="three receipts for each")
    parser.add_argument("--members", type=int, default=MEMBERS, help="messages in one request")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--generate", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve", choices=("bare", "nothing"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(_serve(given.serve, given.port))
    elif given.generate:
        requests = given.generate.read_bytes().split(b"\0")
        print(json.dumps(asdict(uvloop.run(generate(given.port, requests, given.connections)))))
    else:
        measured = measure(messages=given.messages, members=given.members, connections=given.connections)
        print(json.dumps(asdict(uvloop.run(measured)), indent=2))


if __name__ == "__main__":
    main()
