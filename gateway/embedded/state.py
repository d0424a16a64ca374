"""The folder of one server: where it is, who holds it, and how it is set aside."""

import fcntl
import hashlib
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from gateway.embedded.account import step_down

ORPHAN_TIMEOUT = 15.0
"""Seconds. A server whose parent was killed shuts down within a second, but on some machines it stays in the process
table for two more."""


class EmbeddedError(Exception):
    """The server cannot be started; the message says why and what to do."""


def default_state(folder: Path) -> Path:
    """Return the state folder: `.smsgw/` in the folder; for root, who must use another account, under `/var/tmp`."""
    if os.name != "posix":
        raise EmbeddedError("the embedded Postgres runs on Linux and macOS; elsewhere set SMSGW_DATABASE_URL")
    if step_down() is None:
        return folder / ".smsgw"
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"smsgw-{name}"  # noqa: S108  0700 below, and the name is not guessed but derived


def data_directory(state: Path) -> Path:
    """Return the server's data directory in a state folder."""
    return state / "postgres"


def hold(state: Path) -> TextIO:
    """Lock a state folder, and make it if there is none. The lock ends with the file, or with this process.

    Raises `EmbeddedError` if another process holds it.
    """
    state.mkdir(parents=True, exist_ok=True)
    if step_down() is not None:
        # The server's user must be able to enter it; the folders inside are 0700.
        state.chmod(0o755)
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise EmbeddedError(
            f"another smsgw up runs on {state}; stop that one, or start this in another folder"
        ) from None
    return lock


def end_orphan(data: Path) -> None:
    """Wait for the server of a killed start to end, or stop it. The caller holds the lock.

    To use it would be faster, but a server that is not a child neither ends with this process nor reports its end.
    The caller holds the lock, so no other process uses the server.
    """
    pid = _orphan(data)
    if pid is None:
        return
    deadline = time.monotonic() + ORPHAN_TIMEOUT
    asked = time.monotonic() + 1.0
    while _orphan(data) == pid and time.monotonic() < deadline:
        if time.monotonic() > asked:
            os.kill(pid, signal.SIGINT)
            asked = deadline
        time.sleep(0.05)
    if _orphan(data) == pid:
        raise EmbeddedError(f"an earlier Postgres (process {pid}) of {data} does not end; stop it and start again")
    (data / "postmaster.pid").unlink(missing_ok=True)


def _orphan(data: Path) -> int | None:
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    status = Path(f"/proc/{pid}/stat")
    if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
        return None
    command = Path(f"/proc/{pid}/cmdline")
    # The number may belong to another program by now.
    return pid if not command.exists() or str(data).encode() in command.read_bytes() else None


def dated_names(*folders: Path) -> dict[Path, Path]:
    """Return a name with today's date for each folder. All have the same ending, and none of the names is in use."""
    today = f"-old-{datetime.now(UTC):%Y-%m-%d}"
    number = 1
    while True:
        ending = today if number == 1 else f"{today}-{number}"
        names = {folder: folder.with_name(folder.name + ending) for folder in folders}
        if not any(os.path.lexists(name) for name in names.values()):
            return names
        number += 1


def set_aside(state: Path, *others: Path) -> list[Path]:
    """Rename a state folder, and others with it, to dated names. Nothing is deleted. Return the new names.

    Ends the server that a killed start left behind. Raises `EmbeddedError` if another process holds the folder.
    """
    lock = hold(state) if state.exists() else None
    try:
        if lock is not None:
            end_orphan(data_directory(state))
        names = dated_names(*(folder for folder in dict.fromkeys((state, *others)) if folder.exists()))
        for folder, name in names.items():
            folder.rename(name)
    except OSError as error:
        raise EmbeddedError(f"the old folder could not be renamed: {error}") from None
    finally:
        if lock is not None:
            lock.close()
    return list(names.values())
