"""Rows that break something: each fails alone, at a bounded cost, and no other message fails with it."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from support.outbox import enqueue, grant, state, status

from gateway.domain.outcome import Answer

Make = Callable[..., Any]


class RefusingProvider:
    """Refuses every request that contains one of these numbers."""

    def __init__(self, worker: Any, *refused_index: str, answer: Answer | None = None) -> None:
        self.refused = self.requests = 0
        self.delivered: list[str] = []
        self._refused_numbers = set(refused_index)
        self._answer = answer or status(400)
        worker.provider.send = self.send

    async def send(self, request_id: str, body: bytes, *, by: float | None = None) -> Answer:
        numbers = json.loads(body)["subscribers"]
        self.requests += 1
        if self._refused_numbers & set(numbers):
            self.refused += 1
            return self._answer
        self.delivered += numbers
        return status(200, total_sent=len(numbers))


def number(n: int) -> str:
    return f"+1202555{n:04}"


async def state_counts(connection: Any) -> dict[str, int]:
    rows = await connection.fetch("select state, count(*) as n from smsgw.message group by state")
    return {row["state"]: row["n"] for row in rows}


@pytest.mark.parametrize(
    ("count", "refused_index"), [(400, 0), (400, 399), (400, 237), (3, 1), (2, 1), (7, 6), (16, 9)]
)
async def test_one_refused_number_costs_a_bounded_number_of_refusals(
    db: Any, worker: Make, count: int, refused_index: int
) -> None:
    for n in range(count):
        await enqueue(db, n)
    one = worker()
    provider = RefusingProvider(one, number(refused_index))
    await one.complete(*await one.claim(1))
    await one.send_all()
    assert await state_counts(db) == {"accepted": count - 1, "failed": 1}
    assert sorted(provider.delivered) == [number(n) for n in range(count) if n != refused_index]
    assert provider.refused <= math.ceil(math.log2(count)) + 1
    assert (await db.fetchval("select reason from smsgw.message where state = 'failed'")).startswith("bad_request: ")


async def test_two_refused_numbers_cost_at_most_twice_as_much(db: Any, worker: Make) -> None:
    for n in range(64):
        await enqueue(db, n)
    one = worker()
    provider = RefusingProvider(one, number(5), number(50))
    await one.complete(*await one.claim(1))
    await one.send_all()
    assert await state_counts(db) == {"accepted": 62, "failed": 2}
    assert provider.refused <= 2 * (math.ceil(math.log2(64)) + 1)


async def test_halves_wait_for_tokens_like_other_requests(db: Any, worker: Make) -> None:
    for n in range(8):
        await enqueue(db, n)
    one = worker(limit=20, window=3600.0)
    RefusingProvider(one, number(3))
    await one.complete(*await one.claim(1))
    await grant(db, "mta:requests", 1.0)
    assert len(await one.claim()) == 1
    assert await one.claim() == []


async def test_a_403_for_one_text_fails_one_message(db: Any, worker: Make) -> None:
    for n in range(8):
        await enqueue(db, n)
    one = worker()
    RefusingProvider(one, number(3), answer=status(403))
    await one.complete(*await one.claim(1))
    await one.send_all()
    assert await state_counts(db) == {"accepted": 7, "failed": 1}


async def test_an_answer_that_counts_no_recipient_is_split_too(db: Any, worker: Make) -> None:
    for n in range(4):
        await enqueue(db, n)
    one = worker()
    RefusingProvider(one, number(2), answer=status(200, total_sent=0))
    await one.complete(*await one.claim(1))
    await one.send_all()
    assert await state_counts(db) == {"accepted": 3, "failed": 1}


UNGUARDED = "update smsgw.outbox set variables = $1::text::jsonb where id = $2"
"""The intake refuses such values. These rows look as if they had been inserted before it did."""


@pytest.mark.parametrize(
    "variables",
    ['{"a": 1e5000}', '{"a": ' + "[" * 900 + "]" * 900 + "}", '{"a": ' + "[" * 3000 + "]" * 3000 + "}"],
    ids=["a number of five thousand digits", "lists 900 deep", "lists 3000 deep"],
)
async def test_variables_that_only_postgres_can_read_stop_no_other_message(
    db: Any, worker: Make, variables: str
) -> None:
    bad = await enqueue(db, 0, body="Hi {{a}}")
    await db.execute(UNGUARDED, variables, bad)
    good = await enqueue(db, 1)
    await worker().send_all()
    assert await state(db, good) == "accepted"
    assert await state(db, bad) in {"accepted", "failed"}


async def test_a_template_that_renders_to_megabytes_stops_no_other_message(db: Any, worker: Make) -> None:
    bad = await enqueue(db, 0, body="{{a}}" * 800)
    await db.execute(UNGUARDED, json.dumps({"a": "x" * 16000}), bad)
    good = await enqueue(db, 1)
    await worker().send_all()
    assert [await state(db, bad), await state(db, good)] == ["accepted", "accepted"]
    assert await db.fetchval("select parts from smsgw.message where id = $1", bad) == 100


async def test_a_text_with_liquid_markers_to_a_group_is_not_sent(db: Any, worker: Make) -> None:
    bad = await enqueue(db, 0, to_number=None, to_group_id=7, body="{{ 50% }} off")
    good = await enqueue(db, 1)
    await worker().send_all()
    assert [await state(db, bad), await state(db, good)] == ["failed", "accepted"]
    assert (await db.fetchval("select reason from smsgw.message where id = $1", bad)).startswith("not_encodable: ")
