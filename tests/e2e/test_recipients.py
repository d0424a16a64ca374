"""Everything that a row can ask for, through the daemon to the phone: whom, from where, with what text."""

from typing import Any

import pytest
from support.outbox import enqueue
from support.processes import poll


async def finished(world: Any) -> list[dict[str, Any]]:
    """Return the messages once all of them are final."""

    async def final() -> bool:
        return bool(await world.connection.fetchval("select bool_and(final_at is not null) from smsgw.message"))

    await poll(final)
    rows = await world.connection.fetch("select m.* from smsgw.message as m order by m.id")
    return [dict(row) for row in rows]


async def told(world: Any) -> list[tuple[str, str, int | None]]:
    return [(entry["number"], entry["text"], entry["sender"]) for entry in await world.ledger()]


async def test_a_subscriber_is_written_to_and_its_receipt_found(world: Any) -> None:
    await enqueue(world.connection, to_number=None, to_subscriber_id=502, body="to a subscriber")
    (message,) = await finished(world)
    assert message["state"] == "delivered"
    assert await told(world) == [("+12025550152", "to a subscriber", 4410)]


@pytest.mark.parametrize(
    ("failing", "state", "counts"), [({}, "delivered", (3, 3, 0)), ({"52": 9}, "undelivered", (3, 2, 1))]
)
async def test_the_receipts_of_a_group_are_counted_number_by_number(
    world: Any, failing: dict[str, int], state: str, counts: tuple[int, int, int]
) -> None:
    await world.simulator.change(final_by_suffix=failing)
    await enqueue(world.connection, to_number=None, to_group_id=601, body="to a group")
    (message,) = await finished(world)
    assert message["state"] == state
    assert tuple(message[f"group_{what}"] for what in ("recipients", "delivered", "undelivered")) == counts
    assert len(await told(world)) == 3


async def test_templates_are_filled_in_for_each(world: Any) -> None:
    await enqueue(world.connection, 1, body="Hi {{name}}", variables={"name": "Ann"})
    await enqueue(world.connection, 2, body="Hi {{name}}", variables={"name": "Bob"})
    await enqueue(world.connection, 3, body=None, template_id=101, variables={"code": "4711"})
    await enqueue(world.connection, 4, body=None, template_id=102, link_id=701)
    await enqueue(world.connection, 5, body="look", media_url="https://example.org/a.png")
    assert {message["state"] for message in await finished(world)} == {"delivered"}
    texts = {number: text for number, text, _ in await told(world)}
    assert texts == {
        "+12025550001": "Hi Ann",
        "+12025550002": "Hi Bob",
        "+12025550003": "Your code is 4711.",
        "+12025550004": "See https://example.org/a",
        "+12025550005": "look",
    }


async def test_markers_in_a_text_arrive_as_written_in_whatever_crowd(world: Any) -> None:
    wanted = dict(enumerate(["50% {{ off }}", "{% if x %}yes{% endif %}", "plain", "}} %} {"]))
    async with world.connection.transaction():
        for n, text in wanted.items():
            await enqueue(world.connection, n, body=text)
        for n in range(10, 60):
            await enqueue(world.connection, n, body=f"crowd {n}")
    await finished(world)
    texts = {number: text for number, text, _ in await told(world)}
    assert {n: texts[f"+1202555{n:04}"] for n in wanted} == wanted
    assert all(texts[f"+1202555{n:04}"] == f"crowd {n}" for n in range(10, 60))


async def test_messages_of_one_key_arrive_in_their_order(world: Any) -> None:
    for n in range(10):
        await enqueue(world.connection, n, order_key="k")
    await finished(world)
    assert [number for number, _, _ in await told(world)] == [f"+1202555{n:04}" for n in range(10)]
