"""The evidence of a real run passes the check, and forged evidence does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from chaos.checker import Invariant, check, unsettled
from chaos.evidence import Evidence, Window, gather
from chaos.plan import CALM, Options
from chaos.run import settle, suppress
from chaos.traffic import Traffic
from chaos.world import World

WINDOW = Window(60, 0, 0)


@pytest.mark.slow("chaos")
async def test_a_run_without_faults_is_clean_and_forged_evidence_is_found(
    database: Any, connection: Any, tmp_path: Path
) -> None:
    options = Options(3, replicas=1, rate=40.0)
    world = World(options, tmp_path)
    traffic = Traffic(database.dsn, options.seed, options.rate)
    await suppress(database.dsn)
    try:
        await world.start(database.dsn)
        await world.all_ready()
        await traffic.run(3.0)
        evidence, stats = await settle(world, traffic, 120.0)
    finally:
        await world.stop()
    assert check(evidence).violations == ()
    assert unsettled(evidence) == []
    assert stats["texts"] == len(evidence.ledger) > 10

    async def again() -> set[Invariant]:
        now: Evidence = await gather(
            connection, submissions=traffic.submissions.values(), ledger=world.ledger, window=WINDOW
        )
        return {found.invariant for found in check(now).violations}

    assert await again() == set()

    lines = await asyncio.to_thread(world.ledger.read_text, encoding="utf-8")
    await asyncio.to_thread(world.ledger.write_text, lines + lines.splitlines()[0] + "\n", encoding="utf-8")
    assert await again() == {Invariant.DOUBLED}
    await asyncio.to_thread(world.ledger.write_text, lines, encoding="utf-8")

    sent = evidence.ledger[0].mark
    await connection.execute("update smsgw.outbox set delivery_status = 'none', terminal_status = 'failed', "
                             "reason = 'forged' where reference = $1", f"#{sent}.")  # fmt: skip
    await connection.execute("update smsgw.request set status = 'rejected' where external_id = $1",
                             evidence.ledger[0].external_id)  # fmt: skip
    assert Invariant.CONTRADICTION in await again()

    await connection.execute("delete from smsgw.outbox where reference = $1", f"#{sent}.")
    assert {Invariant.LOST, Invariant.PHANTOM} <= await again()


def test_the_calm_settings_are_knobs_of_the_simulator() -> None:
    from gateway.simulator.config import SimulatorConfig

    assert SimulatorConfig().changed(CALM)
