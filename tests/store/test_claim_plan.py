"""The hot statements stay on their indexes, under a generic plan and on a table of realistic size."""

import json
from typing import Any

import pytest

from gateway.store.sql import query

FILL = """
    insert into smsgw.outbox (to_number, body, lane)
    select '+1202' || to_char(5550000 + n % 10000, 'FM0000000'), 'text', 'bulk' from generate_series(1, 60000) as n
"""
BIND_TYPES = (
    "uuid[], text[], bytea[], text[], int[], text[], text[], bigint[], smallint[], bigint[], uuid[], smallint[], "
    "uuid, float8, text, text"
)
BIND_ARGUMENTS = (
    "array[gen_random_uuid()], array['e'], array['x'::bytea], array['{1}'], array[1], array['bulk'], array[''], "
    "array[1], array[0::smallint], array[1], array[gen_random_uuid()], array[1::smallint], gen_random_uuid(), 60, "
    "'w', 'mta'"
)
CLAIM_TYPES = "text[], text[], bigint[], int[], boolean[]"
FINISH = "update smsgw.outbox set request_id = gen_random_uuid() where id % 30 <> 0"


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan] + [node for child in plan.get("Plans", []) for node in nodes(child)]


async def generic_plan(connection: Any, name: str, types: str, arguments: str) -> list[dict[str, Any]]:
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare hot ({types}) as {query(name)}")
    row = await connection.fetchval(f"explain (format json) execute hot ({arguments})")
    return nodes(json.loads(row)[0]["Plan"])


@pytest.fixture
async def filled(connection: Any) -> Any:
    """A table with a long history and a short backlog."""
    await connection.execute(FILL)
    await connection.execute(FINISH)
    await connection.execute("vacuum analyze smsgw.outbox")
    return connection


@pytest.mark.parametrize(
    ("name", "types", "arguments", "index"),
    [
        (
            "claim_messages",
            CLAIM_TYPES,
            "array['bulk'], array[''], array[0], array[100], array[false]",
            "outbox_waiting",
        ),
        (
            "claim_messages",
            CLAIM_TYPES,
            "array['bulk'], array[''], array[0], array[100], array[true]",
            "outbox_waiting",
        ),
        ("claim_let_go", "int", "100", "outbox_held"),
        ("claim_expire", "int", "100", "outbox_expiring"),
        ("claim_bind", BIND_TYPES, BIND_ARGUMENTS, "outbox_pkey"),
    ],
)
async def test_no_hot_statement_scans_the_outbox(
    filled: Any, name: str, types: str, arguments: str, index: str
) -> None:
    plan = await generic_plan(filled, name, types, arguments)
    scans = [node for node in plan if node.get("Relation Name") == "outbox"]
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"]
    assert index in {node.get("Index Name") for node in plan}


async def test_the_look_for_work_is_one_probe_for_each_queue(filled: Any) -> None:
    explained = await filled.fetchval("explain (format json) " + query("claim_heads").replace("$1", "'mta'"))
    plan = nodes(json.loads(explained)[0]["Plan"])
    assert not [n for n in plan if n.get("Relation Name") == "outbox" and n["Node Type"] == "Seq Scan"]
    assert "outbox_waiting" in {node.get("Index Name") for node in plan}
