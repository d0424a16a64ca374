"""`smsgw webhook` and `smsgw suppress sync`, against the provider as a process."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer
from support.processes import Simulator, free_port, run_command

from gateway.cli.webhook import _base
from gateway.provider.mta.kind import MTA

HEADERS = {"Authorization": "Bearer simulator-key", "Content-Type": "application/json"}
Run = Callable[..., Awaitable[Any]]


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    """A provider that already calls another address for every event."""
    simulator = await Simulator(tmp_path, free_port(), other_limit=10_000).start()
    yield simulator
    await simulator.process.stop()


@pytest.fixture
def smsgw(simulator: Simulator, database: Any, tmp_path: Path) -> Run:
    environment = {
        "SMSGW_DATABASE_URL": database.dsn,
        "SMSGW_MTA_BASE_URL": f"{simulator.base}/v3",
        "SMSGW_MTA_API_KEY": "simulator-key",
        "SMSGW_WEBHOOK_SECRET": "secret-one,secret-two",
        "SMSGW_MANAGEMENT_LIMIT": "10000",
    }
    return lambda *arguments: asyncio.to_thread(run_command, *arguments, folder=tmp_path, **environment)


async def call(simulator: Simulator, method: str, path: str, body: Any = None) -> Any:
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.request(method, f"{simulator.base}/v3{path}", json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return (await response.json())["data"]


async def registered(simulator: Simulator, url: str) -> list[dict[str, Any]]:
    rows = (await call(simulator, "GET", "/webhooks?page=0&pageSize=100"))["rows"]
    return [row for row in rows if row["url"].startswith(url)]


def said(text: str) -> Counter[str]:
    """Return how many lines begin with each word."""
    return Counter(line.split()[0] for line in text.splitlines())


async def test_registering_twice_makes_one_address_for_each_event(simulator: Simulator, smsgw: Run) -> None:
    url = "https://sms.example.org"
    first = await smsgw("webhook", "register", "--url", url, "--alert-email", "ops@example.org")
    assert first.returncode == 0, first.stderr
    # Others that are called for the same events are pointed at: each call would come twice.
    assert said(first.stdout) == {"registered": 4, "OTHER": 4, "OTHER:": 1}
    second = await smsgw("webhook", "register", "--url", url)
    assert said(second.stdout) == {"kept": 4, "OTHER": 4, "OTHER:": 1}
    rows = await registered(simulator, url)
    assert sorted(row["url"] for row in rows) == sorted(f"{url}/webhooks/mta/{event}" for event in MTA.webhooks.events)
    whole = await call(simulator, "PATCH", f"/webhooks/{rows[0]['id']}", {})
    assert (whole["retryOnError"], whole["maxThroughputPerMinute"]) == (True, 4 * 1200)
    assert (whole["alertEmail"], whole["sendAlertEmail"]) == ("ops@example.org", True)


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(simulator: Simulator, smsgw: Run) -> None:
    done = await smsgw("webhook", "register", "--url", "https://sms.example.org", "--dry-run", "--json")
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["event"] for step in steps if step["what"] == "register"] == [
        "delivery-status", "message-reply", "message-send", "number-opt-in",
    ]  # fmt: skip
    assert await registered(simulator, "https://sms.example.org") == []


@pytest.mark.parametrize("page_base", [0, 1])
async def test_registrations_behind_the_first_page_are_found(simulator: Simulator, smsgw: Run, page_base: int) -> None:
    await simulator.change(page_base=page_base)
    for n in range(60):
        body = {"event": "message-reply", "url": f"https://other.example.org/{n}", "secret": "x"}
        await call(simulator, "POST", "/webhooks", body)
    listed = await smsgw("webhook", "list", "--json")
    assert len(listed.stdout.splitlines()) == 64
    assert "secret" not in listed.stdout


async def test_a_registration_is_taken_away_once_and_recorded(simulator: Simulator, smsgw: Run) -> None:
    made = await smsgw("webhook", "register", "--url", "https://sms.example.org", "--per-minute", "600")
    assert made.returncode == 0, made.stderr
    gone = (await registered(simulator, "https://sms.example.org"))[0]["id"]
    assert (await smsgw("webhook", "delete", str(gone))).returncode == 0
    assert (await smsgw("webhook", "delete", str(gone))).returncode == 1
    assert len(await registered(simulator, "https://sms.example.org")) == 3


@pytest.mark.parametrize("url", ["http://sms.example.org", "sms.example.org", "https://sms.example.org/?x=1"])
def test_an_address_that_the_provider_cannot_use_is_refused(url: str) -> None:
    with pytest.raises(typer.Exit) as refused:
        _base(url)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("url", ["https://sms.example.org", "https://sms.example.org/", "http://127.0.0.1:8080"])
def test_the_listeners_own_path_is_added(url: str) -> None:
    assert _base(url) == f"{url.rstrip('/')}/webhooks/mta"


@pytest.mark.parametrize("page_base", [0, 1])
async def test_the_providers_opt_outs_are_taken_over_page_by_page(
    simulator: Simulator, smsgw: Run, connection: Any, page_base: int
) -> None:
    await simulator.change(page_base=page_base)
    numbers = [f"+1202555{n:04}" for n in range(230)]
    await call(simulator, "POST", "/unsubscribes/bulk", {"numbers": numbers})
    done = await smsgw("suppress", "sync")
    assert done.returncode == 0, done.stderr
    assert "230 numbers at the provider, 230 of them new here" in done.stdout
    assert "0 of them new" in (await smsgw("suppress", "sync")).stdout
    rows = await connection.fetch("select number from smsgw.suppression where source = 'provider' order by number")
    assert [row["number"] for row in rows] == numbers
    assert await connection.fetchval("select count(*) from smsgw.operator_action where action = 'suppress'") == 2
