"""`smsgw up` on the database of an older version: it refuses, offers to start afresh, and deletes nothing."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from support.leaks import note
from support.processes import clean_environment, free_port, poll

from gateway.embedded import EmbeddedPostgres, default_state
from gateway.store.migrate import migrate

OLD = "update smsgw.migration set checksum = 'other' where number = 1"


class Up:
    """A running `smsgw up`, whose standard input is a terminal or nothing."""

    def __init__(self, folder: Path, *arguments: str, terminal: bool = False, **environment: str) -> None:
        self._arguments = arguments
        self._folder = folder
        self._log = folder / "up.log"
        self._terminal = os.openpty() if terminal else None
        self._environment = {
            "SMSGW_OPS_LISTEN": f"127.0.0.1:{free_port()}",
            "SMSGW_WEBHOOK_LISTEN": f"127.0.0.1:{free_port()}",
        } | environment

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.cli", "up", *self._arguments, cwd=self._folder, stdout=log, stderr=log,
                env=clean_environment() | self._environment,
                stdin=asyncio.subprocess.DEVNULL if self._terminal is None else self._terminal[1],
            )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        await self._process.wait()
        for end in self._terminal or ():
            os.close(end)

    def said(self) -> str:
        return self._log.read_text()

    async def says(self, text: str) -> None:
        async def there() -> bool:
            assert text in self.said() or self._process.returncode is None, self.said()
            return text in self.said()

        await poll(there)

    def answer(self, text: str) -> None:
        assert self._terminal is not None
        os.write(self._terminal[0], f"{text}\n".encode())

    async def fails(self) -> str:
        """Return what it says as it ends."""
        assert await self._process.wait() == 1
        note("stderr of a command", self.said())
        return self.said()


def kept(state: Path) -> list[Path]:
    return sorted(state.parent.glob(f"{state.name}-old-*"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Where the database of the folder is; nothing yet."""
    state = default_state(tmp_path)
    yield state
    for folder in (state, *kept(state)):
        shutil.rmtree(folder, ignore_errors=True)


def write_ledger(folder: Path) -> None:
    (folder / ".smsgw").mkdir(exist_ok=True)
    (folder / ".smsgw" / "ledger.jsonl").write_text("old")


@pytest.fixture
async def old(tmp_path: Path, state: Path) -> Path:
    """The same with a database that an older version made, and a message in it."""
    write_ledger(tmp_path)
    server = EmbeddedPostgres(state, durable=False)
    dsn = server.start().dsn
    try:
        await migrate(dsn)
        connection = await asyncpg.connect(dsn)
        await connection.execute("insert into smsgw.outbox (to_number, body) values ('+12025550123', 'old')")
        await connection.execute(OLD)
        await connection.close()
    finally:
        server.stop()
    return state


async def messages(state: Path) -> Any:
    """Return how many messages the database of a folder has."""
    server = EmbeddedPostgres(state, durable=False)
    connection = await asyncpg.connect(server.start().dsn)
    try:
        return await connection.fetchval("select count(*) from smsgw.outbox")
    finally:
        await connection.close()
        server.stop()


async def test_without_a_terminal_it_prints_the_command(tmp_path: Path, old: Path) -> None:
    async with Up(tmp_path) as up:
        said = await up.fails()
    assert "was made by an older development version; to start afresh and keep the old folder: smsgw up --fresh" in said
    assert (kept(old), await messages(old)) == ([], 1)


async def test_on_a_terminal_it_asks_and_a_no_changes_nothing(tmp_path: Path, old: Path) -> None:
    async with Up(tmp_path, terminal=True) as up:
        await up.says("[y/N]")
        assert "Start afresh? The old folder is kept as " in up.said()
        up.answer("")
        assert "nothing was changed" in await up.fails()
    assert (kept(old), await messages(old)) == ([], 1)


async def test_a_yes_starts_afresh_and_keeps_the_old_folder(tmp_path: Path, old: Path) -> None:
    async with Up(tmp_path, terminal=True) as up:
        await up.says("[y/N]")
        up.answer("y")
        await up.says("Ctrl-C stops everything")
        (folder,) = kept(old)
        assert folder.name in up.said()
    assert (await messages(old), await messages(folder)) == (3, 1)


async def test_the_option_starts_afresh_without_a_question(tmp_path: Path, old: Path) -> None:
    async with Up(tmp_path, "--fresh") as up:
        await up.says("Ctrl-C stops everything")
    (folder,) = kept(old)
    assert (await messages(old), await messages(folder)) == (3, 1)
    (beside,) = kept(tmp_path / ".smsgw")
    assert (beside / "ledger.jsonl").read_text() == "old", "logs and ledger go with the database"


async def test_the_option_refuses_beside_a_running_one(tmp_path: Path, old: Path) -> None:
    with EmbeddedPostgres(old):
        async with Up(tmp_path, "--fresh") as up:
            assert "another smsgw up runs on" in await up.fails()
    assert kept(old) == []


async def test_a_database_of_ones_own_is_left_alone(tmp_path: Path, state: Path, database: Any) -> None:
    (tmp_path / ".smsgw").mkdir()
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(OLD)
    async with Up(tmp_path, SMSGW_DATABASE_URL=database.dsn) as up:
        said = await up.fails()
        assert "use an empty database" in said
        assert "--fresh" not in said
    async with Up(tmp_path, "--fresh", SMSGW_DATABASE_URL=database.dsn) as up:
        said = await up.fails()
    assert kept(tmp_path / ".smsgw") == []
    assert await connection.fetchval("select count(*) from smsgw.outbox") == 0
    assert "database of your own" in said
    await connection.execute(said.rpartition("yourself: ")[2])
    await connection.close()
    assert await migrate(database.dsn) != []
