"""Which Postgres the suite runs on: the one that is named, else a container, else an embedded one."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DOCKER_SOCKET = "/var/run/docker.sock"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 1024**3
"""Bytes that must be free there. A run uses a quarter of it: four workers with a database each, and 1 GB of WAL."""

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
        folder = tempfile.TemporaryDirectory(prefix="smsgw-suite-", dir=_data_folder(), ignore_cleanup_errors=True)
        server = EmbeddedPostgres(Path(folder.name), durable=False, settings=SETTINGS)
        running.append((server, folder))
        return server.start().dsn

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
