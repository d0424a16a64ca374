"""Runs `python -m gateway.cli` and `python -m gateway.simulator` as forks of one process that has imported them.

Importing the gateway takes most of a second, and the tests start hundreds of processes. A forked one is a process like
any other: it has its own environment, folder, output and exit code, and it can be killed. Its parent is the server.

The server listens on a Unix socket. A client sends one line of JSON and then reads two lines:

    in   {"arguments": ["-m", "gateway.cli", "run"], "environment": {...}, "folder": PATH, "out": FILE, "err": FILE}
    out  the process id, and when the process has ended its exit code
"""

import asyncio
import atexit
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any


class ForkedProcess:
    """A process that the server has forked; what tests use of `asyncio.subprocess.Process`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._code: int | None = None
        self.pid = int(self._line())
        self._connection.setblocking(False)

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs; the negative number of the signal that ended it."""
        if self._code is None:
            with suppress(BlockingIOError):
                self._receive(self._connection.recv(64))
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal; does nothing when it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Return the exit code when it has ended."""
        while self._code is None:
            self._receive(await asyncio.get_running_loop().sock_recv(self._connection, 64))
        return self._code

    def wait_blocking(self) -> int:
        """Return the exit code when it has ended, without an event loop."""
        self._connection.setblocking(True)
        while self._code is None:
            self._receive(self._connection.recv(64))
        return self._code

    def _receive(self, received: bytes) -> None:
        self._received += received
        if self._received.endswith(b"\n"):
            self._code = int(self._received)
            self._connection.close()
        elif not received:
            self._connection.close()
            raise RuntimeError("the fork server has ended")

    def _line(self) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            one = self._connection.recv(1)
            if not one:
                raise ConnectionError("the fork server has ended")
            received += one
        return received


class ForkServer:
    """The server as its clients see it: started when the first process is wanted, and ended with this process."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(
        self, arguments: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path
    ) -> ForkedProcess:
        """Run a module with its output appended to these files."""
        order: dict[str, Any] = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(folder),
            "out": str(out),
            "err": str(err),
        }
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._address())
            connection.sendall(json.dumps(order).encode() + b"\n")
            return ForkedProcess(connection)
        except OSError:
            connection.close()
            raise

    def run(self, arguments: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a module to its end and return its output."""
        with tempfile.TemporaryDirectory() as name:
            out, err = Path(name) / "out", Path(name) / "err"
            code = self.start(arguments, environment, folder, out, err).wait_blocking()
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def _address(self) -> str:
        if self._server is None:
            self._folder = tempfile.TemporaryDirectory(prefix="smsgw-fork-")
            address = f"{self._folder.name}/socket"
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                # Bound here, so that clients may connect before the server has imported everything.
                listener.bind(address)
                listener.listen(64)
                self._server = subprocess.Popen(
                    [sys.executable, __file__, str(listener.fileno())],
                    stdin=subprocess.PIPE,
                    pass_fds=[listener.fileno()],
                )
            atexit.register(self._stop)
        assert self._folder is not None
        return f"{self._folder.name}/socket"

    def _stop(self) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        if self._folder is not None:
            self._folder.cleanup()


FORKS = ForkServer()
"""One for each process of the suite."""


def _become(order: dict[str, Any]) -> None:
    """Run what was ordered, as `python -m` would; never returns."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        sys.path.insert(0, order["folder"])
        for path, target in (("/dev/null", 0), (order["out"], 1), (order["err"], 2)):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(file, target)
            os.close(file)
        _, module, *sys.argv[1:] = order["arguments"]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  a process ends with a traceback, whatever it is
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


class _Server:
    """Forks what is ordered, and reports each end to the client that ordered it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._running: dict[int, socket.socket] = {}
        self._wake, self._woken = os.pipe()

    def serve(self) -> None:
        """Serve until standard input is closed."""
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken)
        selector = selectors.DefaultSelector()
        for file in (self._listener, sys.stdin, self._wake):
            selector.register(file, selectors.EVENT_READ)
        while sys.stdin not in (ready := {key.fileobj for key, _ in selector.select()}):
            if self._wake in ready:
                os.read(self._wake, 4096)
            self._reap()
            if self._listener in ready:
                self._fork(self._listener.accept()[0])

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._running.pop(pid) as connection, suppress(OSError):
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def _fork(self, connection: socket.socket) -> None:
        order = b""
        while not order.endswith(b"\n"):
            order += connection.recv(65536)
        pid = os.fork()
        if pid:
            self._running[pid] = connection
            connection.sendall(b"%d\n" % pid)
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (self._wake, self._woken):
            os.close(end)
        for other in (self._listener, connection, *self._running.values()):
            other.close()
        _become(json.loads(order))


def main() -> None:
    """Import what the forks need, then serve until standard input is closed."""
    for module in ("gateway.cli.commands", "gateway.app.daemon", "gateway.simulator.server", "uvloop"):
        importlib.import_module(module)
    _Server(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
