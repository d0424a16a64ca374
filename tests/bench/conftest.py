"""A benchmark's surroundings with numbers that prove nothing about speed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.bench.context import Bench, Scale
from gateway.bench.database import Databases
from gateway.bench.processes import server

TINY = Scale("test", 60, 60, 1, 60, 60, 60, 3, 0.5, 0.0, 3.0, 20)


@pytest.fixture
async def bench(server_dsn: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A run on the suite's Postgres, which counts no statements by text."""
    async with server(tmp_path, delay=0.0) as counting:
        yield Bench(TINY, Databases(server_dsn, "", statements=False), counting, tmp_path, 8, 0.0)
