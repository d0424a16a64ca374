"""`smsgw up`: everything starts, shows a delivered message, and ends without a trace."""

import asyncio
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
from support.processes import Process, free_port, poll

from gateway.embedded import default_state


def up(folder: Path) -> Process:
    ports = {"SMSGW_OPS_LISTEN": f"127.0.0.1:{free_port()}", "SMSGW_WEBHOOK_LISTEN": f"127.0.0.1:{free_port()}"}
    return Process(["-m", "gateway.cli", "up"], ports, folder / "up.log")


def children(pid: int) -> set[int]:
    """Return the living processes that this one started, and theirs."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children") if sys.platform == "linux" else ():
        for child in map(int, task.read_text().split()):
            found |= {child} | children(child)
    return found


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_beside_another_it_says_so_and_touches_nothing(tmp_path: Path) -> None:
    other = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    running = Process(["-m", "gateway.cli", "up"], {"SMSGW_OPS_LISTEN": f"127.0.0.1:{port}"}, tmp_path / "up.log")
    try:
        await running.start()
        assert running.process is not None
        assert await running.process.wait() == 1
        assert "set SMSGW_OPS_LISTEN" in running.log.read_text()
        assert not (tmp_path / ".smsgw").exists()
    finally:
        other.close()


async def test_it_shows_a_delivered_message_and_keeps_its_state_for_the_next_time(tmp_path: Path) -> None:
    try:
        for count in (3, 6):
            running = await up(tmp_path).start()

            async def shown(log: Path = running.log) -> bool:
                return "Ctrl-C stops everything" in await asyncio.to_thread(log.read_text)

            await poll(shown)
            said = running.log.read_text()
            assert said.count("delivered") >= 3
            assert "console " in said
            assert "INSERT INTO smsgw.outbox" in said
            connection: Any = await asyncpg.connect((tmp_path / ".smsgw" / "dsn").read_text())
            assert await connection.fetchval("select count(*) from smsgw.message") == count
            await connection.close()
            assert running.process is not None
            started = children(running.process.pid)
            assert len(started) >= 3
            assert await running.stop(signal.SIGINT) == 0

            async def nobody_left(pids: set[int] = started) -> bool:
                return not any(alive(pid) for pid in pids)

            await poll(nobody_left)
            running.log.unlink()
    finally:
        await asyncio.to_thread(shutil.rmtree, default_state(tmp_path), ignore_errors=True)
