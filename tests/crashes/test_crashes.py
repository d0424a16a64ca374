"""Wherever the process dies, nothing is lost and nothing is sent twice.

`support.failpoints` names every step of sending and receiving: before and after each `await`, each enter and exit
of an `async with` (so before and after each commit), and bytes on the wire. `support.crash_scenarios` are lives of a
second or so that together come past all of them. Here each step is the end of one life: the process ends there without
any farewell (`os._exit`), another one is started, and outbox, journal, feed and the provider's ledger are compared.

Which steps run: all of them take from five to fifteen minutes, so by default those where a bug is most likely (the
wire, and either side of each commit) and a share of the rest, which is chosen by the sources of the path themselves:
the same for the same code, others as soon as it changes. All of them:

    SMSGW_CRASH_SWEEP=all pytest -n 0 tests/crashes

`SMSGW_CRASH_SWEEP=fold` runs the steps with that word in their names, and `SMSGW_CRASH_OCCURRENCE=2` has the process
die when it comes there for the second time.
"""

import asyncio
import hashlib
import os
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from support.crash_harness import Harness, InvariantViolation, harness
from support.crash_scenarios import SCENARIOS
from support.failpoints import WIRE_STEPS, static_steps

pytestmark = [pytest.mark.slow("crash sweep"), pytest.mark.xdist_group("crashes")]

SIDE_BY_SIDE = 3
"""Databases, providers and gateways at once: a life is mostly waiting."""

SHARE = 20
"""One in so many of the steps that are not chosen anyway."""

TRIES = 6
"""Lives in which the process may fail to come to its step, as its order of things is not always the same; each time
another scenario is tried that came to it."""

BY_COMMAND = "only commands of a person call this; what they change is one transaction"

REASONS = {
    r"provider\.mta\.client MobileTextAlerts\.(webhooks|register_webhook|delete_webhook|unsubscribed): .*": BY_COMMAND,
    r"provider\.mta\.client MobileTextAlerts\.sender_numbers: .*": BY_COMMAND,
    r"store\.actions listed: .*": BY_COMMAND,
    r"store\.receipts requeue: .*": BY_COMMAND,
    r"store\.suppressions (list_numbers|newest|one): .*": BY_COMMAND,
    r"provider\.mta\.client _bounded: await 2 read, .*": (
        "only for an answer in more pieces than one; to die between two pieces is to die at `await 1`"
    ),
    r"receipts\.journal Journal\._commit: await 2 _commit, .*": (
        "only for a receipt that Postgres refuses; each of the batch is then committed by `await 1`"
    ),
    r"receipts\.poller Poller\._page: await 2 deliveries, .*": (
        "the call of `await 1` with another page, for a listing that counts from 1"
    ),
    r"store\.limiter await_token: await 2 sleep, .*": "the token was not taken: nothing was changed",
}
"""Steps that no scenario comes to, and why that is no gap."""

SOMETIMES = {
    r"dispatch\.(engine|completer) .*: await \d+ sleep, .*": "a pause after Postgres hung up; nothing is open then",
    r"receipts\.(folder|poller) .*: await \d+ _?sleep, .*": "a pause; nothing is open meanwhile",
    r"dispatch\.circuit_breaker RouteBreaker\.probe_cancelled: .*": (
        "only when the open breaker's probe is given back before it went; to die here delays the next by a lease"
    ),
    r"store\.doorbell Doorbell\.arm: await 4 .*": "two replicas lie down at the same moment; nothing is taken",
    r"store\.doorbell Doorbell\..*: await \d+ close, .*": "the session is lost, and closing it changes nothing",
    r"store\.doorbell Doorbell\.close: .*": "the session is lost or given up, and closing it changes nothing",
    r"store\.leadership Leadership\..*: await \d+ close, .*": "the same",
}
"""Steps that a scenario comes to by chance: where Postgres happens to hang up."""


def matching(step: str, reasons: dict[str, str]) -> bool:
    return any(re.fullmatch(pattern, step) for pattern in reasons)


@dataclass(frozen=True, slots=True)
class World:
    """Where stages are made."""

    server: str
    template: str
    folder: Path


@pytest.fixture(scope="module")
def world(server_dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(server_dsn, template, tmp_path_factory.mktemp("crashes"))


@pytest.fixture(scope="module")
def reached(world: World) -> dict[str, list[str]]:
    """Play every scenario without a death; return each step that one comes to, and which ones do.

    What happens at the same time happens in another order each time, so where a step is missing they are played again.
    """
    scenarios: dict[str, list[str]] = {}
    for _ in range(TRIES):
        for name, steps in _come_to(world).items():
            for step in steps:
                scenarios.setdefault(step, []).append(name)
        if not unexplained(scenarios):
            break
    return {step: list(dict.fromkeys(names)) for step, names in scenarios.items()}


def unexplained(reached: dict[str, list[str]]) -> list[str]:
    """Return the steps that no scenario came to, and of which nobody says why."""
    missing = [step for step in (*static_steps(), *WIRE_STEPS) if step not in reached]
    return [step for step in missing if not matching(step, REASONS | SOMETIMES)]


def _come_to(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    async def play(harness: Harness, name: str) -> None:
        record = world.folder / f"{name}.steps"
        record.unlink(missing_ok=True)
        await harness.run(SCENARIOS[name], record=record)
        found[name] = record.read_text().splitlines()

    failures = asyncio.run(_each(world, list(SCENARIOS), play))
    assert not failures, "\n".join(failures)
    return found


async def _each(
    world: World, lives: list[str], play: Callable[[Harness, str], Awaitable[None]], *, at_once: int = SIDE_BY_SIDE
) -> list[str]:
    """Play lives, named by what they are about, several side by side; return what went wrong."""
    waiting = list(reversed(lives))
    failures: list[str] = []

    async def worker(number: int) -> None:
        name = f"crash_{uuid.uuid4().hex[:12]}"
        server = await asyncpg.connect(world.server)
        await server.execute(f'create database "{name}" template "{world.template}"')
        folder = world.folder / f"stage_{uuid.uuid4().hex[:6]}_{number}"
        folder.mkdir()
        try:
            async with harness(f"{world.server.rpartition('/')[0]}/{name}", folder) as place:
                while waiting:
                    about = waiting.pop()
                    try:
                        await play(place, about)
                    except InvariantViolation as breach:
                        failures.append(f"{about}: {breach}")
        finally:
            await server.execute(f'drop database if exists "{name}" with (force)')
            await server.close()

    async with asyncio.TaskGroup() as group:
        # One after another: they copy the same template.
        for number in range(min(at_once, len(lives))):
            group.create_task(worker(number))
    return failures


def test_every_step_of_the_path_is_come_to_or_has_a_reason(reached: dict[str, list[str]]) -> None:
    assert unexplained(reached) == []


def test_every_reason_is_about_a_step_and_every_step_that_is_come_to_is_known(reached: dict[str, list[str]]) -> None:
    known = [*static_steps(), *WIRE_STEPS]
    assert len(known) == len(set(known))
    assert [p for p in (*REASONS, *SOMETIMES) if not any(re.fullmatch(p, step) for step in known)] == []
    assert sorted(set(reached) - set(known)) == []
    assert [step for step in reached if matching(step, REASONS)] == []


def chosen(step: str, tree: str) -> bool:
    """Whether the process is to die at this step; `tree` stands for the sources of the path."""
    spec = os.environ.get("SMSGW_CRASH_SWEEP", "")
    if spec:
        return spec == "all" or spec in step
    lot = int(hashlib.sha256(f"{tree}{step}".encode()).hexdigest(), 16) % SHARE == 0
    return lot or step in WIRE_STEPS or "transaction, exit" in step


def test_nothing_is_lost_or_doubled_wherever_the_process_dies(world: World, reached: dict[str, list[str]]) -> None:
    occurrence = int(os.environ.get("SMSGW_CRASH_OCCURRENCE", "1"))
    tree = hashlib.sha256("".join(static_steps()).encode()).hexdigest()
    lives = [step for step in reached if chosen(step, tree)]
    died: set[str] = set()

    async def play(harness: Harness, step: str) -> None:
        scenarios = reached[step]
        for n in range(max(TRIES, len(scenarios)) if occurrence == 1 else 1):
            run = await harness.run(SCENARIOS[scenarios[n % len(scenarios)]], step, occurrence=occurrence)
            if run.died:
                died.add(step)
                return

    def missed() -> list[str]:
        return [step for step in lives if step not in died and not matching(step, SOMETIMES)]

    failures = asyncio.run(_each(world, lives, play))
    if occurrence == 1 and not failures:
        # What was not come to beside others is tried again by itself: they change what meets what.
        failures = asyncio.run(_each(world, missed(), play, at_once=1))
    print(f"{len(lives)} steps, {len(died)} deaths, {len(failures)} breaches")
    assert not failures, "\n".join(failures)
    assert occurrence > 1 or not missed(), "\n".join(missed())
