"""Rows that break things: each fails by itself, at a bounded price, and takes nobody with it."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import enqueue, state, status

from gateway.domain.outcome import Answer

Make = Callable[..., Any]


class Picky:
    """Refuses every request with one of these numbers in it."""

    def __init__(self, worker: Any, *poison: str, answer: Answer | None = None) -> None:
        self.refused = self.requests = 0
        self.delivered: list[str] = []
        self._poison = set(poison)
        self._answer = answer or status(400)
        worker.wire.send = self.send

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        numbers = json.loads(body)["subscribers"]
        self.requests += 1
        if self._poison & set(numbers):
            self.refused += 1
            return self._answer
        self.delivered += numbers
        return status(200, total_sent=len(numbers))


def number(n: int) -> str:
    return f"+1202555{n:04}"


async def told(connection: Any) -> dict[str, int]:
    rows = await connection.fetch("select state, count(*) as n from smsgw.message group by state")
    return {row["state"]: row["n"] for row in rows}


@pytest.mark.parametrize(("many", "poison"), [(400, 0), (400, 399), (400, 237), (3, 1), (2, 1), (7, 6), (16, 9)])
async def test_one_poison_number_costs_no_more_than_its_halvings(
    filled: Any, worker: Make, many: int, poison: int
) -> None:
    for n in range(many):
        await enqueue(filled, n)
    one = worker()
    picky = Picky(one, number(poison))
    await one.finish(*await one.claim(1))
    await one.turn()
    assert await told(filled) == {"accepted": many - 1, "failed": 1}
    assert sorted(picky.delivered) == [number(n) for n in range(many) if n != poison]
    assert picky.refused <= math.ceil(math.log2(many)) + 1
    assert (await filled.fetchval("select reason from smsgw.message where state = 'failed'")).startswith(
        "bad_request: "
    )


async def test_two_poison_numbers_cost_no_more_than_twice(filled: Any, worker: Make) -> None:
    for n in range(64):
        await enqueue(filled, n)
    one = worker()
    picky = Picky(one, number(5), number(50))
    await one.finish(*await one.claim(1))
    await one.turn()
    assert await told(filled) == {"accepted": 62, "failed": 2}
    assert picky.refused <= 2 * (math.ceil(math.log2(64)) + 1)


async def test_halves_wait_for_tokens_like_any_other_request(filled: Any, worker: Make) -> None:
    for n in range(8):
        await enqueue(filled, n)
    one = worker(limit=20, window=3600.0)
    Picky(one, number(3))
    await one.finish(*await one.claim(1))
    await filled.execute("update smsgw.bucket set tokens = 1, counted_at = now() where name = 'mta:requests'")
    assert len(await one.claim()) == 1
    assert await one.claim() == []


async def test_a_filter_that_takes_offence_at_one_text_fails_one_message(filled: Any, worker: Make) -> None:
    for n in range(8):
        await enqueue(filled, n)
    one = worker()
    Picky(one, number(3), answer=status(403))
    await one.finish(*await one.claim(1))
    await one.turn()
    assert await told(filled) == {"accepted": 7, "failed": 1}


async def test_a_count_of_nobody_is_halved_too(filled: Any, worker: Make) -> None:
    for n in range(4):
        await enqueue(filled, n)
    one = worker()
    Picky(one, number(2), answer=status(200, total_sent=0))
    await one.finish(*await one.claim(1))
    await one.turn()
    assert await told(filled) == {"accepted": 3, "failed": 1}


UNGUARDED = "update smsgw.outbox set variables = $1::text::jsonb where id = $2"
"""The intake refuses such values; these rows are as if they had come in before it did."""


@pytest.mark.parametrize(
    "variables",
    ['{"a": 1e5000}', '{"a": ' + "[" * 900 + "]" * 900 + "}", '{"a": ' + "[" * 3000 + "]" * 3000 + "}"],
    ids=["a number of five thousand digits", "lists 900 deep", "lists 3000 deep"],
)
async def test_variables_that_only_postgres_can_read_stop_nobody(filled: Any, worker: Make, variables: str) -> None:
    bad = await enqueue(filled, 0, body="Hi {{a}}")
    await filled.execute(UNGUARDED, variables, bad)
    good = await enqueue(filled, 1)
    await worker().turn()
    assert await state(filled, good) == "accepted"
    assert await state(filled, bad) in {"accepted", "failed"}


async def test_a_template_that_would_fill_megabytes_is_counted_and_stops_nobody(filled: Any, worker: Make) -> None:
    bad = await enqueue(filled, 0, body="{{a}}" * 800)
    await filled.execute(UNGUARDED, json.dumps({"a": "x" * 16000}), bad)
    good = await enqueue(filled, 1)
    await worker().turn()
    assert [await state(filled, bad), await state(filled, good)] == ["accepted", "accepted"]
    assert await filled.fetchval("select parts from smsgw.message where id = $1", bad) == 100


async def test_markers_in_a_text_to_a_group_cannot_be_sent_as_written_and_are_not_sent(
    filled: Any, worker: Make
) -> None:
    bad = await enqueue(filled, 0, to_number=None, to_group_id=7, body="{{ 50% }} off")
    good = await enqueue(filled, 1)
    await worker().turn()
    assert [await state(filled, bad), await state(filled, good)] == ["failed", "accepted"]
    assert (await filled.fetchval("select reason from smsgw.message where id = $1", bad)).startswith("not_encodable: ")
