"""Which Postgres the suite runs on."""

import asyncio
import fcntl
import tempfile
from pathlib import Path

import pytest
from support import database


async def engine(answer: bytes, path: str) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(serve, path)


@pytest.mark.parametrize(
    ("answer", "there"), [(b"HTTP/1.0 200 OK\r\n\r\nOK", True), (b"HTTP/1.0 500 No\r\n\r\n", False)]
)
async def test_an_engine_is_there_when_it_answers_its_ping(answer: bytes, there: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/engine"
        async with await engine(answer, path):
            assert await asyncio.to_thread(database.docker_answers, path) is there


def test_a_socket_that_is_not_there_is_no_engine(tmp_path: Path) -> None:
    assert not database.docker_answers(str(tmp_path / "none"))


def test_a_named_database_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSGW_TEST_DATABASE_URL", "postgresql://somewhere/db")
    assert database.choose().start() == "postgresql://somewhere/db"


def test_a_container_is_taken_where_an_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMSGW_TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(database, "docker_answers", lambda: True)
    monkeypatch.setattr(database, "_container", lambda: database.TestServer("container", str, lambda: None))
    assert database.choose().description == "container"


def test_the_embedded_one_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMSGW_TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(database, "docker_answers", lambda: False)
    assert database.choose().description == "the embedded one"


def test_the_data_of_a_run_that_was_killed_is_removed(tmp_path: Path) -> None:
    for name in ("smsgw-suite-killed", "smsgw-suite-alive", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    with (tmp_path / "smsgw-suite-alive" / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        database._remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"smsgw-suite-alive", "another"}
