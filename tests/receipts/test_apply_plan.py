"""The work of a fold grows with the receipts, not with receipts times members, whatever the planner believes.

Measured in rows that the plan handles and never in time. Under the generic plan, which the gateway's prepared
statements settle on and which knows nothing of how long the lists are.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.receipts import event, make_request, store

from gateway.store.pool import Pool
from gateway.store.sql import query

MEMBERS = 500
OTHERS = 20
KINDS = {
    "match_receipts": "bigint[]",
    "apply_receipts": "bigint[], bigint[], bigint[]",
    "select_new_listing_rows": "uuid[], smallint[], text[], text[]",
}


def handled(node: dict[str, Any]) -> Iterator[float]:
    """Yield what each node of a plan touches: rows it gave and rows it threw away, in all its loops."""
    thrown = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    # What a scan of a list gives into a nested loop is touched once for each round.
    yield node["Actual Loops"] * (node["Actual Rows"] + thrown)
    for below in node.get("Plans", []):
        yield from handled(below)


async def work(connection: Any, name: str, *arguments: Any) -> float:
    """Return the rows that a query handles, under its generic plan; what it changes is rolled back."""
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare measured ({KINDS[name]}) as {query(name)}")
    casts = KINDS[name].split(", ")
    given = ", ".join(
        "array[" + ", ".join(f"'{value}'" for value in values) + f"]::{cast}"
        for values, cast in zip(arguments, casts, strict=True)
    )
    transaction = connection.transaction()
    await transaction.start()
    row = await connection.fetchval(f"explain (analyze, timing off, format json) execute measured({given})")
    await transaction.rollback()
    await connection.execute("deallocate measured")
    plan = json.loads(row) if isinstance(row, str) else row
    return sum(handled(plan[0]["Plan"]))


@pytest.mark.parametrize("analysed", [False, True])
async def test_folding_a_whole_request_handles_each_receipt_a_few_times(pool: Pool, analysed: bool) -> None:
    numbers = [f"+1202555{n:04}" for n in range(MEMBERS)]
    ids, request = await make_request(pool, numbers, status="accepted")
    for _ in range(OTHERS):
        await make_request(pool, numbers, status="accepted")
    await store(pool, *(event(request, "delivered", number=number) for number in numbers))
    async with pool.acquire() as connection:
        if analysed:
            await connection.execute("analyze")
        receipts = [row["id"] for row in await connection.fetch("select id from smsgw.receipt order by number")]
        bound = 60 * MEMBERS
        assert await work(connection, "match_receipts", receipts) < bound
        assert await work(connection, "apply_receipts", [0], receipts, ids) < bound
        requests, generations, words = [request] * MEMBERS, [0] * MEMBERS, ["delivered"] * MEMBERS
        assert await work(connection, "select_new_listing_rows", requests, generations, numbers, words) < bound
