"""A real browser before a real console: chromium by Playwright, a daemon, a simulator and a Postgres.

One world for all tests of this folder, so that the suite starts it once; each test makes messages of its own.
"""

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from support.processes import Gateway, Simulator, free_port, poll

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed: the extra `test` has it")

OPERATOR, READER = "token-of-the-operators", "token-of-the-readers"
SETTINGS = {
    "request_limit": 2000, "request_window": "1s", "parts_per_minute": 0, "request_timeout": "5s",
    "send_within": "4s", "lease": "15s",
    "management_limit": 1000, "ops_token": OPERATOR, "ops_reader_token": READER, "sender_id": 4410,
}  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE = 120_000.0
"""Milliseconds that the browser waits for something to appear; it only ends a test that hangs."""


BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first that is installed. The shell has the same engine and no interface, and takes a quarter of the time."""
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-gpu-rasterization"]
"""Root has no sandbox. A GPU that is emulated costs as much as the pages themselves."""
NO_FLAGS = ["--enable-unsafe-swiftshader"]
"""What Playwright would add: the emulated GPU."""


playwright.expect.set_options(timeout=PATIENCE)


def chromium() -> str:
    """Return the browser, or skip."""
    found = os.environ.get("SMSGW_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("no chromium on this machine: apt-get install chromium, or name one in SMSGW_TEST_CHROMIUM")
    return found


@dataclass(slots=True)
class World:
    """What runs behind the browser."""

    connection: Any
    simulator: Simulator
    gateway: Gateway
    address: str

    async def enqueue(self, count: int, reference: str, *, lane: str = "default", tags: str = "{}") -> list[int]:
        """Commit messages to numbers that are reserved for fiction."""
        rows = await self.connection.fetch(
            "insert into smsgw.outbox (to_number, body, lane, reference, tags) "
            "select '+1202555' || to_char(100 + n % 100, 'FM0000'), 'Text number ' || n, $3, $2, $4::jsonb "
            "from generate_series(1, $1) as n returning id",
            count,
            reference,
            lane,
            tags,
        )
        return [row["id"] for row in rows]

    async def uncertain(self) -> list[int]:
        """Return messages of which nobody knows whether they arrived; the first call makes one."""
        query = "select id from smsgw.message where state = 'uncertain' and reference = 'unknown'"
        if not (rows := await self.connection.fetch(query)):
            await self.simulator.change(fail_next=["500_before", "403"])
            await self.until(await self.enqueue(1, "unknown"), "uncertain")
            rows = await self.connection.fetch(query)
        return [row["id"] for row in rows]

    async def until(self, ids: list[int], state: str) -> None:
        """Wait until all of these are in a state."""

        async def there() -> bool:
            query = "select bool_and(state = $2) from smsgw.message where id = any($1)"
            return bool(await self.connection.fetchval(query, ids, state))

        await poll(there)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Any]:
    """A chromium."""
    path = chromium()
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=path, args=FLAGS, ignore_default_args=NO_FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(server_dsn: str, template: str, tmp_path_factory: Any) -> AsyncIterator[World]:
    """A daemon and a simulator on a database of their own."""
    chromium()
    folder: Path = tmp_path_factory.mktemp("browser")
    name = f"browser_{uuid.uuid4().hex[:12]}"
    owner = await asyncpg.connect(server_dsn)
    await owner.execute(f'create database "{name}" template "{template}"')
    dsn = f"{server_dsn.rpartition('/')[0]}/{name}"
    webhook_port = free_port()
    simulator = await Simulator(
        folder, webhook_port, send_limit=2000, send_window=1.0, messages_per_minute=1_000_000, other_limit=1000,
        status_delay=[0.0, 0.05],
    ).start()  # fmt: skip
    gateway = await Gateway(folder, dsn, simulator.base, webhook_port, **SETTINGS).start()
    connection = await asyncpg.connect(dsn)
    yield World(connection, simulator, gateway, f"http://127.0.0.1:{gateway.ops_port}")
    await connection.close()
    await gateway.process.stop()
    await simulator.process.stop()
    await owner.execute(f'drop database "{name}" with (force)')
    await owner.close()


Visit = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Any, world: World) -> AsyncIterator[Visit]:
    """Open the console: a page of a fresh browser profile. What the page complains of fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    async def open_page(*, token: str | None = OPERATOR, viewport: Any = DESKTOP, **options: Any) -> Any:
        context = await browser.new_context(base_url=world.address, viewport=viewport, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.goto("/login")
        if token is not None:
            await page.get_by_label("Token").fill(token)
            await page.get_by_label("Your name").fill("Ada")
            await page.get_by_role("button", name="Log in").click()
            await page.get_by_role("heading", name="Overview").wait_for()
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert complaints == []
