"""The failpoints cover every await and do not change what the code does; the checks find what is wrong."""

import importlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from crashes.unreached import REASONS, SOMETIMES
from support.crash_harness import Harness, InvariantViolation, harness
from support.crash_scenarios import SCENARIOS
from support.failpoints import _Loader, _rewrite, path_modules, static_steps
from support.invariants import contradiction
from support.scenario import CONSTANTS, Scenario, expect
from support.wire_failpoints import WIRE_STEPS

SOURCE = '''
"""A module."""
from __future__ import annotations


class Worker:
    async def work(self, things, pool):
        async with pool.acquire() as connection, pool.acquire():
            value = await things.get(await connection.name())
        async for one in things.all():
            value += one
        return value + sum([one async for one in things.all()])
'''


class Things:
    async def get(self, name: int) -> int:
        return name + 1

    async def all(self) -> AsyncIterator[int]:
        yield 10
        yield 20


class Pool:
    async def name(self) -> int:
        return 1

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Pool"]:
        yield self


def loaded(folder: Path, source: str, passed: list[str]) -> Any:
    import importlib.util

    path = folder / "sample.py"
    path.write_text(source)
    loader = _Loader("sample", str(path), passed.append)
    spec = importlib.util.spec_from_file_location("sample", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


async def test_rewritten_code_does_the_same_and_passes_its_steps_in_order(tmp_path: Path) -> None:
    passed: list[str] = []
    module = loaded(tmp_path, SOURCE, passed)
    assert module.__doc__ == "A module."
    assert await module.Worker().work(Things(), Pool()) == 62
    _, known = _rewrite("sample", SOURCE)
    assert sorted(set(passed)) == sorted(known)
    where = "sample Worker.work:"
    assert passed[:8] == [
        f"{where} with 1 acquire, before", f"{where} with 1 acquire, after",
        f"{where} with 2 acquire, before", f"{where} with 2 acquire, after",
        f"{where} await 1 name, before", f"{where} await 1 name, after",
        f"{where} await 2 get, before", f"{where} await 2 get, after",
    ]  # fmt: skip
    assert passed[8:12] == [
        f"{where} with 2 acquire, exit before", f"{where} with 2 acquire, exit after",
        f"{where} with 1 acquire, exit before", f"{where} with 1 acquire, exit after",
    ]  # fmt: skip


async def test_a_step_does_not_change_an_error(tmp_path: Path) -> None:
    passed: list[str] = []
    module = loaded(tmp_path, "async def work(one):\n    async with one.acquire():\n        await one.fail()\n", passed)

    class Failing(Pool):
        async def fail(self) -> None:
            raise KeyError("x")

    with pytest.raises(KeyError):
        await module.work(Failing())
    assert passed[-2:] == ["sample work: with 1 acquire, exit before", "sample work: with 1 acquire, exit after"]
    assert "sample work: await 1 fail, after" not in passed


def test_a_new_await_adds_steps() -> None:
    _, before = _rewrite("sample", SOURCE)
    _, after = _rewrite("sample", SOURCE.replace("        return", "        await things.get(1)\n        return"))
    assert len(after) == len(before) + 2


def test_the_path_covers_sending_receiving_the_client_and_the_store_modules_they_use() -> None:
    modules = path_modules()
    for name in ("dispatch.claimer", "receipts.applier", "provider.mta.client", "store.claims", "store.pool"):
        assert f"gateway.{name}" in modules
    assert "gateway.store.migrate" not in modules
    commits = [step for step in static_steps() if "transaction, exit" in step]
    assert len(commits) >= 8


def test_every_step_has_one_name_and_every_listed_pattern_matches_a_step() -> None:
    known = [*static_steps(), *WIRE_STEPS]
    assert len(known) == len(set(known))
    assert [p for p in (*REASONS, *SOMETIMES) if not any(re.fullmatch(p, step) for step in known)] == []


def test_every_constant_that_a_scenario_sets_exists() -> None:
    names = {*CONSTANTS, *(name for scenario in SCENARIOS.values() for name in scenario.constants)}
    for name in sorted(names):
        module, _, constant = name.partition(":")
        assert hasattr(importlib.import_module(module), constant), name


@pytest.mark.parametrize(
    ("state", "count", "sentence"),
    [
        ("delivered", 1, None),
        ("delivered", 2, "was sent 2 times"),
        ("delivered", 0, "is delivered and was sent 0 times"),
        ("failed", 1, "is failed and was sent 1 times"),
        ("ready", 0, "ended ready"),
    ],
)
def test_a_state_that_contradicts_the_ledger_is_a_violation(state: str, count: int, sentence: str | None) -> None:
    row = {"state": state, "reason": "x", "to_group_id": None}
    wrong = contradiction(row, count, frozenset({"delivered", "failed"}))
    assert wrong is None if sentence is None else wrong is not None and wrong.startswith(sentence)


@pytest.fixture
async def place(database: Any, tmp_path: Path) -> AsyncIterator[Harness]:
    async with harness(database.dsn, tmp_path) as place:
        yield place


async def test_a_provider_that_sends_twice_is_seen(place: Harness) -> None:
    scenario = Scenario(
        "twice",
        SCENARIOS["recovery"].enqueue,
        faults=({"kind": "500_after", "tries": 1, "consumes": False}, {"kind": "webhook_lost"}),
    )
    with pytest.raises(InvariantViolation, match="was sent 2 times"):
        await place.run(scenario)


async def test_a_receipt_that_was_answered_and_is_gone_is_seen(place: Harness) -> None:
    async def enqueue(harness: Harness) -> dict[str, Any]:
        await harness.enqueue("some", "+12025550101")
        return {"some": expect("delivered")}

    async def destroy(harness: Harness) -> None:
        await harness.until("select count(*) > 1 from smsgw.receipt where applied_at is not null")
        other = await asyncpg.connect(harness.dsn)
        await other.execute("delete from smsgw.receipt")
        await other.close()

    with pytest.raises(InvariantViolation, match="answered with 200 and are gone"):
        await place.run(Scenario("destroyed", enqueue, actors=(destroy,)))
