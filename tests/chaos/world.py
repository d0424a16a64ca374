"""Postgres, provider and replicas of one run, as processes that can be killed one by one."""

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
from chaos.plan import CALM, HORIZON, LEASE, REQUEST_TIMEOUT, SEND_LIMIT, SEND_WINDOW, SEND_WITHIN, Options
from chaos.traffic import FINAL_STATUS, SENDER
from support.processes import SECRET, Gateway, Simulator, free_port, poll

from gateway.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate

SMALL = {"max_connections": "100", "shared_buffers": "64MB", "max_wal_size": "64MB"}
SHIM = Path(__file__).parent / "shim"


SETTINGS = {
    "request_limit": SEND_LIMIT,
    "request_window": SEND_WINDOW,
    "request_timeout": REQUEST_TIMEOUT,
    "send_within": SEND_WITHIN,
    "lease": LEASE,
    "idempotency_horizon": HORIZON,
    "reconcile_interval": 4,
    "parts_per_minute": 0,
    "management_limit": 3000,
    "drain_timeout": 5,
    "sender_id": SENDER,
}


def _path() -> str:
    """Return the module path of a replica: the shim, then the path of this process."""
    return os.pathsep.join(filter(None, (str(SHIM), os.environ.get("PYTHONPATH"))))


class Replica:
    """One daemon and its clock."""

    def __init__(self, number: int, folder: Path, dsn: str, base: str, port: int, **settings: Any) -> None:
        self.name = f"replica-{number}"
        self.clock = folder / f"{self.name}.clock"
        self.step(0.0)
        self.gateway = Gateway(folder, dsn, base, port, name=self.name, forked=False, **settings)
        self.gateway.process.environment |= {"PYTHONPATH": _path(), "CHAOS_CLOCK": str(self.clock)}
        self.busy = asyncio.Lock()
        """Held while a fault stops or restarts the process."""

    @property
    def running(self) -> bool:
        """Whether the process exists, stopped or not."""
        process = self.gateway.process.process
        return process is not None and process.returncode is None

    def step(self, offset: float) -> None:
        """Set its wall clock to be wrong by this many seconds. Its monotonic clock never steps."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{offset:.3f}", encoding="ascii")
        fresh.replace(self.clock)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process runs."""
        process = self.gateway.process.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)


class Server:
    """The run's own Postgres. Starting and stopping block, so a thread of their own does them: one for the whole run,
    because the server ends with the thread that started it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._postgres = EmbeddedPostgres(
            folder, settings={"max_connections": "100", "shared_buffers": "64MB", "max_wal_size": "64MB"}
        )
        self._thread = ThreadPoolExecutor(1, "postgres")
        self.dsn = ""

    async def start(self) -> str:
        """Start it; the address stays the same for the whole run."""
        cluster = await asyncio.get_running_loop().run_in_executor(self._thread, self._postgres.start)
        self.dsn = cluster.dsn
        return cluster.dsn

    async def crash(self, number: signal.Signals) -> None:
        """End it without a shutdown: SIGQUIT as `pg_ctl -m immediate` does, or SIGKILL."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._crash, number)

    def _crash(self, number: signal.Signals) -> None:
        process = self._postgres._process
        if process is not None and process.poll() is None:
            process.send_signal(number)
            process.wait(20.0)
        self._postgres.stop()

    @property
    def running(self) -> bool:
        """Whether the postmaster is there."""
        process = self._postgres._process
        return process is not None and process.poll() is None

    async def stop(self) -> None:
        """Shut it down."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._postgres.stop)
        self._thread.shutdown()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Mount a small file system on the folder, where this may be done; gives whether it was."""
    if os.geteuid() != 0:
        yield False
        return
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "smsgw-chaos", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Give a folder that every user may pass through, on a real disk, and that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="smsgw-chaos-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        yield folder


class World:
    """All processes of one run but the database, which is the run's own."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.dsn = ""
        self.ledger = folder / "ledger.jsonl"
        self.replicas: list[Replica] = []
        self.simulator: Simulator | None = None
        self.ended: list[str] = []
        self.over = False

    async def start(self, dsn: str, **settings: Any) -> None:
        """Start the provider and the replicas; the database runs already. `settings` are the replicas'."""
        self.dsn = dsn
        ports = [free_port() for _ in range(self.options.replicas)]
        simulator = Simulator(
            self.folder, ports[0], **CALM, send_limit=SEND_LIMIT, send_window=SEND_WINDOW, other_limit=10_000,
            messages_per_minute=600_000, final_by_suffix=FINAL_STATUS, seed=self.options.seed, webhook_timeout=1.0,
        )  # fmt: skip
        self.simulator = await simulator.start()
        for port in ports[1:2]:
            # A second address for the same account: both are called, so each receipt comes twice, or at least once.
            await self._register(port)
        for number, port in enumerate(ports):
            replica = Replica(number, self.folder, dsn, simulator.base, port, **(SETTINGS | settings))
            self.replicas.append(replica)
            await replica.gateway.start(ready=False)

    async def _register(self, port: int) -> None:
        assert self.simulator is not None
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer simulator-key"}) as session:
            for event in ("delivery-status", "message-reply", "message-send"):
                body: dict[str, Any] = {
                    "event": event,
                    "url": f"http://127.0.0.1:{port}/webhooks/mta/{event}",
                    "secret": SECRET,
                }
                body |= {"maxThroughputPerMinute": 1_000_000}
                async with session.post(f"{self.simulator.base}/v3/webhooks", json=body) as response:
                    assert response.status < 300, await response.text()

    async def supervise(self) -> None:
        """Restart replicas that ended, and remember those that ended by themselves, until the run is over."""
        while not self.over:
            for replica in self.replicas:
                process = replica.gateway.process.process
                # One that was never started is started elsewhere.
                if process is not None and process.returncode is not None and not replica.busy.locked():
                    log = replica.gateway.process.log.name
                    self.ended.append(f"{replica.name} with code {process.returncode}; see {log}")
                    await replica.gateway.start(ready=False)
            await asyncio.sleep(0.2)

    async def all_ready(self) -> None:
        """Wait until every replica claims."""
        for replica in self.replicas:
            await poll(replica.gateway.ready, patience=90.0)

    async def stop(self) -> None:
        """Stop everything, with SIGTERM where that works."""
        self.over = True
        for replica in self.replicas:
            replica.send(signal.SIGCONT)
            replica.send(signal.SIGTERM)
        for replica in self.replicas:
            process = replica.gateway.process.process
            if process is not None:
                try:
                    await asyncio.wait_for(process.wait(), 15.0)
                except TimeoutError:
                    replica.send(signal.SIGKILL)
                    await process.wait()
        if self.simulator is not None:
            await self.simulator.process.stop()


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[tuple[World, Server, bool | None]]:
    """Give a world, its server with the schema in it, and whether the server's disk is a small one; in a folder of
    its own that goes away with them."""
    with own_folder() as folder, small_disk(folder / "state", options.disk_megabytes) as mounted:
        world, server = World(options, folder), Server(folder / "state")
        try:
            await migrate(await server.start())
            await world.start(server.dsn)
            await world.all_ready()
            yield world, server, mounted if options.disk else None
        finally:
            await world.stop()
            await server.stop()
