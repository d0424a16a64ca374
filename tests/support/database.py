"""Which Postgres the suite runs on, and how its databases are made.

It is the server that is named, else a container, else an embedded one.
"""

import asyncio
import fcntl
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

DOCKER_SOCKET = "/var/run/docker.sock"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 1024**3
"""Bytes that must be free there. A run uses a quarter of it: four workers with a database each, and 1 GB of WAL."""

PREFIX = "smsgw-suite-"

SETTINGS = {"max_connections": "300", "autovacuum": "off"}
"""Autovacuum would start a worker for each short-lived database, and change a plan in the middle of a test."""


@dataclass(frozen=True, slots=True)
class TestServer:
    """A Postgres for one run of the suite."""

    __test__ = False

    description: str
    start: Callable[[], str]
    stop: Callable[[], None]


def choose() -> TestServer:
    """Return the server; nothing is started yet."""
    named = os.environ.get("SMSGW_TEST_DATABASE_URL")
    if named:
        return TestServer("the one that SMSGW_TEST_DATABASE_URL names", lambda: named, lambda: None)
    if docker_answers():
        return _container()
    return _embedded()


def docker_answers(path: str | None = None) -> bool:
    """Whether a Docker engine answers its ping; the command alone says nothing."""
    address = path or os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or DOCKER_SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.settimeout(2.0)
            engine.connect(address)
            engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in engine.recv(1024).split(b"\r\n")[0]
    except OSError:
        return False


def _container() -> TestServer:
    from testcontainers.postgres import PostgresContainer

    container = PostgresContainer("postgres:17-alpine", driver=None)

    def start() -> str:
        container.start()
        return str(container.get_connection_url())

    return TestServer("a container by testcontainers", start, container.stop)


def _embedded() -> TestServer:
    from gateway.embedded import EmbeddedPostgres

    running: list[tuple[EmbeddedPostgres, tempfile.TemporaryDirectory[str]]] = []

    def start() -> str:
        _remove_abandoned(MEMORY)
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=_data_folder(), ignore_cleanup_errors=True)
        server = EmbeddedPostgres(Path(folder.name), durable=False, settings=SETTINGS)
        running.append((server, folder))
        dsn = server.start().dsn
        asyncio.run(_make_logins_cheap(dsn))
        # A client would make a TLS context for each connection, only to hear that this server has no TLS.
        os.environ.setdefault("PGSSLMODE", "disable")
        return dsn

    def stop() -> None:
        for server, folder in running:
            server.stop()
            folder.cleanup()

    return TestServer("the embedded one", start, stop)


def _data_folder() -> Path:
    """Return where the data directory goes: into memory where there is room, since each test creates a database."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        return MEMORY
    return Path("/var/tmp")


def _remove_abandoned(parent: Path) -> None:
    """Free the memory of runs that were killed. Each run that is alive holds the lock of its data directory."""
    for lock in parent.glob(f"{PREFIX}*/lock"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


async def _make_logins_cheap(dsn: str) -> None:
    """Hash passwords once instead of 4096 times, which was most of the cost of a connection (Postgres 16 and later)."""
    connection = await asyncpg.connect(dsn)
    try:
        if connection.get_server_version().major < 16:
            return
        await connection.execute("alter system set scram_iterations = 1")
        await connection.execute("select pg_reload_conf()")
        await connection.execute("set scram_iterations = 1")
        await connection.execute(f"alter role current_user password '{urlsplit(dsn).password}'")
    finally:
        await connection.close()


class Databases:
    """Creates and drops databases over one connection, in an event loop of its own: each test has another loop."""

    def __init__(self, server_dsn: str) -> None:
        self._server_dsn = server_dsn
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: asyncpg.Connection[Any] = self._run(asyncpg.connect(server_dsn))
        self._lock = asyncio.Lock()

    async def create(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of the template if one is given, and return its address."""
        source = "" if template is None else f' template "{template}"'
        if template is not None and self._connection.get_server_version().major >= 15:
            # The default there writes each page to the WAL, which takes twice as long.
            source += " strategy file_copy"
        await self._execute(f'create database "{name}"{source}')
        return f"{self._server_dsn.rpartition('/')[0]}/{name}"

    async def drop(self, name: str) -> None:
        """Drop a database and end the sessions in it."""
        await self._execute(f'drop database if exists "{name}" with (force)')

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _execute(self, statement: str) -> None:
        async def execute() -> None:
            async with self._lock:
                await self._connection.execute(statement)

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(execute(), self._loop))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
