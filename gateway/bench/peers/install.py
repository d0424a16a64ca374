"""Installs the peers into their own folder: a virtual environment and a node_modules."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway.bench.peers.catalog import PEERS, PYTHON_COMMON, Kind, Peer
from gateway.bench.processes import BenchError

OLDEST_NODE = 18


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the peers are, and which could not be installed."""

    folder: Path
    missing: dict[str, str]
    """The name of a peer, and why."""

    @property
    def python(self) -> Path:
        """The interpreter of the Python peers."""
        return self.folder / "venv" / "bin" / "python"

    def command(self, peer: Peer, phase: str) -> list[str]:
        """Return the command for one phase of a peer."""
        if peer.kind is Kind.PYTHON:
            return [str(self.python), "-m", f"gateway.bench.peers.{peer.adapter}", phase]
        return ["node", str(Path(__file__).parent / peer.adapter), phase]

    @property
    def modules(self) -> Path:
        """The file from whose folder node looks for packages."""
        return self.folder / "npm" / "package.json"


async def install(folder: Path, wanted: set[str]) -> Installed:
    """Install the wanted peers that are missing. One that cannot be installed is named with its reason."""
    missing: dict[str, str] = {}
    python = folder / "venv" / "bin" / "python"
    if any(peer.kind is Kind.PYTHON for peer in PEERS if peer.name in wanted):
        if not python.exists():
            await _run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        await _run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_COMMON], folder
        )
    for peer in PEERS:
        if peer.name not in wanted or (marker := folder / f"installed-{peer.name}").exists():
            continue
        try:
            if peer.kind is Kind.PYTHON:
                command = [
                    str(python),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    *peer.packages,
                ]
                await _run(command, folder)
            else:
                await _npm(folder / "npm", peer)
        except BenchError as error:
            missing[peer.name] = str(error)
        else:
            marker.write_text(" ".join(peer.packages), encoding="utf-8")
    return Installed(folder, missing)


async def _npm(folder: Path, peer: Peer) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise BenchError(f"node {OLDEST_NODE} or newer with npm is not installed")
    _prepare(folder)
    await _run(["npm", "install", "--silent", "--no-audit", "--no-fund", *peer.packages], folder)


def _prepare(folder: Path) -> None:
    """Create a folder that npm accepts as a project."""
    folder.mkdir(exist_ok=True)
    if not (folder / "package.json").exists():
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")


async def _run(command: list[str], folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, words = await process.communicate()
    if process.returncode != 0:
        # The output may contain the address of an index. The command and the exit code are enough to repeat it by hand.
        raise BenchError(
            f"{Path(command[0]).name} {command[-1]} ended with {process.returncode} ({len(words)} bytes of reasons)"
        )
