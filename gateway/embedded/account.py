"""The account that runs the server. Postgres refuses root, so root runs it as another user."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class User:
    """An account of the system."""

    name: str
    uid: int
    gid: int


def step_down() -> User | None:
    """Return the account that the server must run as: None for an ordinary user, `postgres` or `nobody` for root."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid)
    return None


def child_options(user: User | None) -> dict[str, Any]:
    """Return the options of `subprocess` to run a child as that user. On Linux it also ends with its parent."""
    options: dict[str, Any] = {"preexec_fn": _die_with_parent()} if sys.platform == "linux" else {}
    if user is not None:
        options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    return options


def _die_with_parent() -> Callable[[], None]:
    """Return a hook that asks the kernel for SIGINT, a fast shutdown, when the parent dies, even by `kill -9`.

    It runs after the change of user, which would clear it. The library is loaded before the fork, because loading it
    after the fork could wait for a lock that another thread held.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def hook() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)

    return hook


def reachable(path: Path, user: User | None) -> bool:
    """Whether the user can enter the folder: every folder above it allows it."""
    if user is None:
        return True
    return all(_passes(folder, user) for folder in (path, *path.parents))


def _passes(folder: Path, user: User) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    return bool(status.st_mode & 0o001)


def own(path: Path, user: User | None) -> None:
    """Give a folder to the user alone."""
    path.mkdir(parents=True, exist_ok=True)
    if user is not None:
        os.chown(path, user.uid, user.gid)
    path.chmod(0o700)
