"""Servers of other people's making, as children that end with us: started as an ordinary user, on loopback only."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.embedded.account import child_options, own, step_down

POSTGRES = Path("/usr/lib/postgresql/15/bin")
PATIENCE = 60.0


def missing(*commands: str) -> list[str]:
    """Return which of these commands this machine does not have; `postgres` stands for Debian's server."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    return [
        name
        for name in commands
        if (not (POSTGRES / "postgres").exists() if name == "postgres" else shutil.which(name, path=path) is None)
    ]


class Child:
    """One server process and its log."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self._command = command
        self._environment = {
            "PATH": f"{POSTGRES}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        }
        self._folder = folder
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. The signal of the parent's end goes with the thread that forks: the main one, so never a pool's."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                env=self._environment, start_new_session=True, **child_options(step_down()),
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait for the end, SIGKILL if it does not come."""
        self.send(number)
        if self.process is not None:
            try:
                await asyncio.to_thread(self.process.wait, 20.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                await asyncio.to_thread(self.process.wait)

    def tail(self) -> str:
        """Return the end of its log, for a person."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""


def folder_of_its_own(path: Path) -> Path:
    """Make a folder that belongs to whom the servers run as."""
    own(path, step_down())
    return path


async def run_once(command: list[str], folder: Path) -> None:
    """Run a command to its end as that user; raises with its last words when it fails."""

    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
            env={"PATH": f"{POSTGRES}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"},
            **child_options(step_down()),
        )  # fmt: skip

    done = await asyncio.to_thread(work)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout)[-500:]}")


async def until(what: Callable[[], Awaitable[bool]], name: str, patience: float = PATIENCE) -> float:
    """Wait until something is so, and return after how many seconds; raises with its name when it never is."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        if await what():
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{name}: not within {patience:g} s")
