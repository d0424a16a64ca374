"""Children of a benchmark: the server, daemons, clients, peers; each ends with this process."""

import asyncio
import json
import math
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from gateway.embedded.account import child_options

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0
FIRST = 4.0
"""The first message may take this many times the timeout, because a process must start first."""

TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A benchmark could not be run; the message says why."""


class Child:
    """A process under measurement."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    async def line(self) -> str:
        """Return its next line of output; raises `BenchError` if there is none."""
        if self._process.stdout is None:
            raise BenchError("the output of this child goes to its log")
        try:
            return (await asyncio.wait_for(self._process.stdout.readline(), START_TIMEOUT)).decode().strip()
        except TimeoutError:
            raise BenchError(f"a child process wrote nothing; see {self.log}") from None

    async def result(self, patience: float) -> dict[str, Any]:
        """Wait for its end and return the JSON object that it printed last."""
        try:
            out, _ = await asyncio.wait_for(self._process.communicate(), patience)
        except TimeoutError:
            raise BenchError(f"a child process did not stop; see {self.log}") from None
        if self._process.returncode != 0 or not out.strip():
            raise BenchError(f"a child process failed: {self.last_words()}")
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return found

    async def wait(self, patience: float) -> int:
        """Wait for its end and return its code."""
        try:
            return await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            raise BenchError(f"a child process did not stop; see {self.log}") from None

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    async def stop(self) -> None:
        """Stop it, by force if necessary."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def child(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    output: bool = False,
    folder: Path | None = None,
) -> AsyncIterator[Child]:
    """Run a child until the context ends. With `output`, what it prints can be read; else it goes to the log."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SMSGW_", "MTA_"))}
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            env=clean | dict(environment or {}),
            cwd=folder or log.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if output else file,
            stderr=file,
            start_new_session=True,
            **child_options(None),
        )
    running = Child(process, log)
    try:
        yield running
    finally:
        await running.stop()


class Server:
    """The counting provider, as a process."""

    def __init__(self, base: str, session: aiohttp.ClientSession, process: Child) -> None:
        self.base = base
        self.process = process
        self._session = session

    async def reset(self) -> None:
        """Reset its counts."""
        async with self._session.post(f"{self.base}/reset") as response:
            await response.read()

    async def get(self, path: str) -> dict[str, Any]:
        """Return its answer to a request."""
        async with self._session.get(f"{self.base}{path}") as response:
            found: dict[str, Any] = await response.json()
            return found

    async def stats(self, skip: float = 0.1) -> dict[str, Any]:
        """Return the totals; the rate excludes the first `skip` of the messages."""
        return await self.get(f"/stats?skip={skip}")

    async def arrivals(self) -> dict[str, float]:
        """Return when each recipient came first."""
        return await self.get("/arrivals")

    async def await_messages(
        self, count: int, *, patience: float, every: float = 0.2, limit: float = math.inf
    ) -> dict[str, Any]:
        """Wait until this number of recipients came, or until nothing new comes; return the totals.

        `patience` is the longest time without progress. `limit` bounds the whole time.
        """
        loop = asyncio.get_running_loop()
        seen, moved = 0, loop.time()
        ends = moved + limit
        while True:
            stats = await self.stats()
            if stats["distinct"] >= count:
                return stats
            if stats["distinct"] > seen:
                seen, moved = stats["distinct"], loop.time()
            elif loop.time() - moved > (patience if seen else FIRST * patience):
                return stats
            if loop.time() > ends:
                return stats
            await asyncio.sleep(every)


@asynccontextmanager
async def server(folder: Path, *, delay: float) -> AsyncIterator[Server]:
    """Run the counting provider."""
    command = [sys.executable, "-m", "gateway.bench.server", "--delay", str(delay)]
    async with child(command, folder / "server.log", output=True) as process:
        words = await process.line()
        if not words.startswith("ready at "):
            raise BenchError(f"the server did not start: {process.last_words()}")
        timeout = aiohttp.ClientTimeout(total=60.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            yield Server(words.split()[-1], session, process)


@asynccontextmanager
async def gateway(folder: Path, dsn: str, base: str, name: str = "gateway", **settings: object) -> AsyncIterator[Child]:
    """Run the daemon that sends, as it runs in production; limits are high unless a benchmark sets them."""
    usual: dict[str, object] = {
        "database_url": dsn,
        "mta_base_url": f"{base}/v3",
        "mta_api_key": "bench-key",
        "sender_id": 1,
        "request_limit": 1_000_000_000,
        "request_window": "1s",
        "parts_per_minute": 0,
        "log_level": "warning",
    }
    environment = {f"SMSGW_{key.upper()}": str(value) for key, value in (usual | settings).items()}
    command = [sys.executable, "-m", "gateway.cli", "run", "--only", "dispatch"]
    async with child(command, folder / f"{name}.log", environment=environment) as process:
        yield process
