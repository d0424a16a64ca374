"""Processes that tests start: the simulator and the daemon, over real sockets."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from support.fork_server import FORKS, ForkedProcess
from support.leaks import note

START_TIMEOUT = 30.0
SECRET = "test-secret-of-the-webhooks"


def free_port() -> int:
    """Return a port that is free now, and that the system gives to no outgoing connection while nobody listens on it.

    Those begin at 32768 on Linux and at 49152 elsewhere; one of them would keep a process from starting again.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def clean_environment() -> dict[str, str]:
    """Return this process's environment without any setting of the gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SMSGW_", "MTA_"))}


def run_command(*arguments: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `smsgw` as a process with these settings only; what it writes to stderr is scanned for private things."""
    settings = clean_environment() | environment | {"COLUMNS": "200"}
    done = FORKS.run(["-m", "gateway.cli", *arguments], settings, folder)
    note("stderr of a command", done.stderr)
    return done


class Process:
    """A child and its log. It is forked, unless it needs an interpreter of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path, *, forked: bool = False) -> None:
        self._arguments = arguments
        self._forked = forked
        self.environment = clean_environment() | environment
        self.log = log
        self.process: asyncio.subprocess.Process | ForkedProcess | None = None

    async def start(self) -> "Process":
        """Start it; its output goes to the log."""
        if self._forked:
            folder = self.log.parent
            self.process = FORKS.start(self._arguments, self.environment, folder, self.log, self.log)
            return self
        with self.log.open("ab") as file:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self._arguments, env=self.environment, stdout=file, stderr=file, cwd=self.log.parent
            )
        return self

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


async def poll(what: Any, *, patience: float = 120.0, every: float = 0.05) -> Any:
    """Return the first true answer of `what()`; the bound only ends a test that hangs."""
    async with asyncio.timeout(patience):
        while True:
            found = await what()
            if found:
                return found
            await asyncio.sleep(every)


class Simulator:
    """A simulator as a process, asked by its admin address."""

    def __init__(self, folder: Path, webhook_port: int, *, plan: Path | None = None, **knobs: Any) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        arguments = ["-m", "gateway.simulator", "--port", str(self.port), "--ledger-file", str(folder / "ledger.jsonl")]
        arguments += ["--webhook-url", f"http://127.0.0.1:{webhook_port}/webhooks/mta", "--webhook-secret", SECRET]
        arguments += [] if plan is None else ["--faults", str(plan)]
        for name, value in knobs.items():
            arguments += ["--knob", f"{name}={json.dumps(value)}"]
        self.process = Process(arguments, {}, folder / "simulator.log", forked=True)

    async def start(self) -> "Simulator":
        """Start it and wait until it answers."""
        await self.process.start()
        await poll(self._answers)
        return self

    async def get(self, path: str) -> Any:
        """Ask its admin address."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.base}/admin/{path}") as response:
            return await response.json()

    async def change(self, **knobs: Any) -> None:
        """Set knobs."""
        address = f"{self.base}/admin/config"
        async with aiohttp.ClientSession() as session, session.patch(address, json=knobs) as response:
            assert response.status == 200, await response.text()

    async def misbehave(self, **plan: Any) -> None:
        """Give it a plan of faults, as docs/simulator.md has it; with nothing given it behaves."""
        address = f"{self.base}/admin/faults"
        async with aiohttp.ClientSession() as session, session.put(address, json=plan) as response:
            assert response.status == 200, await response.text()

    async def _answers(self) -> bool:
        try:
            return bool(await self.get("stats"))
        except aiohttp.ClientError:
            return False


class Gateway:
    """A daemon as a process."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        base: str,
        webhook_port: int,
        *,
        name: str = "gateway",
        forked: bool = True,
        **settings: Any,
    ) -> None:
        self.ops_port = free_port()
        self.webhook_port = webhook_port
        environment = {
            "SMSGW_DATABASE_URL": dsn,
            "SMSGW_MTA_BASE_URL": f"{base}/v3",
            "SMSGW_MTA_API_KEY": "simulator-key",
            "SMSGW_WEBHOOK_SECRET": SECRET,
            "SMSGW_WEBHOOK_LISTEN": f"127.0.0.1:{webhook_port}",
            "SMSGW_OPS_LISTEN": f"127.0.0.1:{self.ops_port}",
        } | {f"SMSGW_{name.upper()}": str(value) for name, value in settings.items()}
        self.process = Process(["-m", "gateway.cli", "run"], environment, folder / f"{name}.log", forked=forked)

    async def start(self, *, ready: bool = True) -> "Gateway":
        """Start it and wait until it is ready."""
        await self.process.start()
        if ready:
            await poll(self.ready)
        return self

    async def ready(self) -> bool:
        """Whether it says so."""
        try:
            address = f"http://127.0.0.1:{self.ops_port}/readyz"
            async with aiohttp.ClientSession() as session, session.get(address) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def metrics(self) -> str:
        """Return its metrics."""
        address = f"http://127.0.0.1:{self.ops_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            text = await response.text()
        note("the metrics", text)
        return text
