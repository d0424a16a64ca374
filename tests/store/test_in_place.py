"""Becoming final rewrites a message in place: no index may name what changes then, in its key or its predicate."""

from typing import Any


async def test_no_index_names_what_a_receipt_changes(connection: Any) -> None:
    changed = ("delivery_status", "delivered_at", "final_at")
    rows = await connection.fetch(
        "select indexname, indexdef from pg_indexes where schemaname = 'smsgw' and tablename = 'outbox'"
    )
    naming = [
        row["indexname"]
        for row in rows
        if any(column in row["indexdef"].split() or f"({column}" in row["indexdef"] for column in changed)
    ]
    assert naming == []


async def test_a_delivered_message_is_rewritten_on_its_page(connection: Any) -> None:
    await connection.execute(
        "insert into smsgw.outbox (to_number, body) select '+12025550123', 'x' from generate_series(1, 200)"
    )
    await connection.execute("update smsgw.outbox set request_id = gen_random_uuid(), parts = 1")
    await connection.execute("vacuum smsgw.outbox")
    async with connection.transaction():
        await connection.execute(
            "update smsgw.outbox set delivery_status = 'delivered', delivered_at = now(), final_at = now() "
            "where id % 10 = 0"
        )
        in_place = await connection.fetchval("select pg_stat_get_xact_tuples_hot_updated('smsgw.outbox'::regclass)")
    assert in_place == 20
