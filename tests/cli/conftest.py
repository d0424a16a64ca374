"""Commands run in the process of the test, on its database, each in a thread as each brings a loop of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support.workers import FakeProvider, Worker, make_worker
from typer.testing import CliRunner

from gateway.cli.commands import app
from gateway.store.pool import Pool, connect


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its output as one JSON object a line."""
        return [json.loads(text) for text in self.out.splitlines()]


@pytest.fixture
def smsgw(database: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Callable[..., Awaitable[Done]]:
    """Run a command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSGW_DATABASE_URL", database.dsn)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.delenv("SMSGW_SUITE_DSN", raising=False)
    monkeypatch.delenv("SMSGW_SUITE_TEMPLATE", raising=False)

    async def run(*arguments: str) -> Done:
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
async def operator(database: Any) -> AsyncIterator[Any]:
    """A connection on the test's database; the limiter is full."""
    connection = await connect(database.dsn, purpose="test")
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    await connection.execute("update smsgw.lane set coalesce = false")
    yield connection
    await connection.close()


@pytest.fixture
def worker(pool: Pool) -> Callable[..., Worker]:
    """Make workers on the test's database."""
    return lambda **settings: make_worker(pool, FakeProvider(), **settings)
