"""Fixtures of the whole suite: one Postgres for the run, one database for each test, processes over real sockets.

The server is chosen once, by the process that controls the run, and its address handed to the workers; see
`tests/support/database.py`. Modules of `tests/support` are imported as `support.…` (`pythonpath` in pyproject.toml).
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from hypothesis import settings
from support import leaks, tiers
from support.database import Databases, TestServer, choose

from gateway.store.migrate import migrate
from gateway.store.pool import Pool, open_pool

# Machines of a continuous integration stall; a slow example is no failing one.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

_SERVER = pytest.StashKey[TestServer]()
_TEMPLATE = pytest.StashKey[str]()
_DSN = "SMSGW_SUITE_DSN"
GIVEN_TEMPLATE = "SMSGW_SUITE_TEMPLATE"
"""Names a migrated database: made by the controlling process, or by the run that started this one (tests/mutations)."""


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the controlling process; listen for what must not be said in all of them."""
    config.addinivalue_line("markers", "shows_private(reason): this test's output holds numbers or texts on purpose")
    config.pluginmanager.register(leaks, "leaks")
    config.pluginmanager.register(tiers, "tiers")
    if hasattr(config, "workerinput") or config.option.collectonly or config.option.help:
        return
    server = choose()
    config.stash[_SERVER] = server
    os.environ[_DSN] = server.start()
    if GIVEN_TEMPLATE not in os.environ:
        name = f"template_{uuid.uuid4().hex[:12]}"
        with closing(Databases(os.environ[_DSN])) as databases:
            asyncio.run(_make_template(databases, name))
        config.stash[_TEMPLATE] = os.environ[GIVEN_TEMPLATE] = name


def pytest_xdist_auto_num_workers() -> int:
    """Return twice the cores: most tests wait, for a process, a commit or a deadline."""
    return 2 * (os.cpu_count() or 1)


def pytest_sessionstart() -> None:
    """Tell the scan the database's password."""
    leaks.remember_password(os.environ.get(_DSN, ""))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in one line which Postgres is used."""
    return [f"postgres: {config.stash[_SERVER].description}"] if _SERVER in config.stash else []


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server. One that lasts longer than the run loses the template."""
    if _TEMPLATE in config.stash:
        with closing(Databases(os.environ[_DSN])) as databases:
            asyncio.run(databases.drop(config.stash[_TEMPLATE]))
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """Address of the server's own database."""
    return os.environ[_DSN]


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test."""

    dsn: str


async def _make_template(databases: Databases, name: str) -> None:
    dsn = await databases.create(name)
    await migrate(dsn)
    # Up to Postgres 14 everyone may create in it, which the doctor reports.
    connection = await asyncpg.connect(dsn)
    await connection.execute("revoke create on schema public from public")
    await connection.close()


@pytest.fixture(scope="session")
def template() -> str:
    """A migrated database, to be cloned; no session stays connected to it."""
    return os.environ[GIVEN_TEMPLATE]


@pytest.fixture(scope="session")
def databases(server_dsn: str) -> Iterator[Databases]:
    """Creates and drops databases on the server."""
    with closing(Databases(server_dsn)) as databases:
        yield databases


@pytest.fixture(scope="session")
def clone(databases: Databases, template: str) -> Iterator[Callable[[], Awaitable[str]]]:
    """Make migrated databases that live longer than a test; gives the address of each."""
    made: list[str] = []

    async def make() -> str:
        made.append(f"clone_{uuid.uuid4().hex[:12]}")
        return await databases.create(made[-1], template)

    yield make
    for name in made:
        asyncio.run(databases.drop(name))


@pytest.fixture
async def empty_database(databases: Databases) -> AsyncIterator[Database]:
    """A database without our schema."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    yield Database(await databases.create(name))
    await databases.drop(name)


@pytest.fixture
async def database(databases: Databases, template: str) -> AsyncIterator[Database]:
    """A migrated database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield Database(await databases.create(name, template))
    await databases.drop(name)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """A pool on the test's database."""
    pool = await open_pool(database.dsn, purpose="test", max_size=8)
    yield pool
    await pool.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    """One connection to the test's database, with the rights of its owner."""
    connection = await asyncpg.connect(database.dsn)
    yield connection
    await connection.close()
