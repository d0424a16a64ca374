"""The account is out of credits, or the key is wrong: everything stands still, says why, and loses nothing."""

from typing import Any

from support.outbox import enqueue
from support.processes import poll

from gateway.store import pauses
from gateway.store.pauses import Scope


async def blocked(world: Any, answer: str) -> None:
    """Enqueue some messages into such a refusal, and return when the route is paused."""
    await world.simulator.change(fail_next=[answer])
    for n in range(5):
        await enqueue(world.connection, n)
    await poll(lambda: world.connection.fetchval("select exists (select from smsgw.pause where scope = 'route')"))


async def all_delivered(world: Any) -> bool:
    return bool(await world.states() == {"delivered": 5})


async def test_a_block_is_told_and_a_resume_lets_everything_flow(world: Any) -> None:
    await blocked(world, "402")
    later = await enqueue(world.connection, 9)

    async def told() -> bool:
        return 'smsgw_paused{scope="route"} 1.0' in await world.gateway.metrics()

    await poll(told)
    assert '"event": "route_paused"' in world.gateway.process.log.read_text()
    assert await world.connection.fetchval("select state from smsgw.message where id = $1", later) == "held"
    await pauses.resume(world.connection, Scope.ROUTE, "mta")
    await poll(lambda: world.connection.fetchval("select bool_and(state = 'delivered') from smsgw.message"))
    assert {entry["count"] for entry in await world.ledger()} == {1}
    assert (
        await world.connection.fetchval(
            "select max(never_sent_attempts + ambiguous_attempts + crashes) from smsgw.request"
        )
        == 0
    )


async def test_a_start_with_a_key_that_works_lifts_what_the_gateway_paused_itself(world: Any) -> None:
    await blocked(world, "401")
    await world.gateway.process.stop()
    await world.restart()
    await poll(lambda: all_delivered(world))
    assert {entry["count"] for entry in await world.ledger()} == {1}


async def test_a_start_does_not_lift_what_a_person_paused(world: Any) -> None:
    await pauses.pause(world.connection, Scope.ROUTE, "mta", actor="ann", reason="a price is wrong")
    await enqueue(world.connection, 1)
    await world.gateway.process.stop()
    await world.restart()
    assert await world.states() == {"held": 1}
    assert await world.ledger() == []
