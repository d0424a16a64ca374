"""The hot statements stay on their indexes and read what they need, under a generic plan and on tables of real size."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from gateway.store.sql import query

WAITING = """
    insert into smsgw.outbox (to_number, body, lane, sender_id, not_before, expires_at)
    select '+1202' || to_char(5550000 + n % 10000, 'FM0000000'), 'text', 'bulk', nullif(n % 3, 0), '2026-01-01 00:00Z',
        now() + interval '1 day'
    from generate_series(1, 100000) as n
"""
SCHEDULED = """
    insert into smsgw.outbox (to_number, body, lane, not_before, expires_at)
    select '+12025550100', 'text', 'otp', now() + interval '1 day', now() + interval '2 days'
    from generate_series(1, 20000) as n
"""
BEHIND = """
    insert into smsgw.outbox (to_number, body, lane, order_key, expires_at, parked_by)
    select '+12025550100', 'text', 'default', 'key ' || n % 50, now() + interval '1 day',
        case when n > 50 then 'order_key' end::smsgw.parked_by
    from generate_series(1, 5000) as n
"""
HISTORY = """
    with made as (
        insert into smsgw.outbox (to_number, body, lane, expires_at)
        select '+12025550100', 'text', 'bulk', now() + interval '1 day' from generate_series(1, 50000) as n
        returning id
    ),
    request as (
        insert into smsgw.request (id, external_id, members, parts, lane, tenant, pending_receipts, route, status)
        select gen_random_uuid(), 'e', array[id], 1, 'bulk', '', 0, 'mta', 'accepted' from made
        returning id, members
    )
    select count(*) from request
"""
BOUND = """
    update smsgw.outbox as o
    set request_id = r.id, delivery_status = 'delivered', final_at = now()
    from smsgw.request as r where o.id = r.members[1]
"""
RETRIES = """
    insert into smsgw.request (
        id, external_id, members, parts, lane, tenant, sender_id, pending_receipts, available_at, route
    )
    select gen_random_uuid(), 'e', array[1], 1, 'bulk', '', n % 3, 1, now() + make_interval(secs => n - 5), 'mta'
    from generate_series(1, 2000) as n
"""

TENANTS = """
    insert into smsgw.outbox (to_number, body, lane, tenant, expires_at)
    select '+12025550100', 'text', lane, 'tenant ' || n, now() + interval '1 day'
    from generate_series(1, 20000) as n, unnest(array['bulk', 'otp']) as lane
"""
SHARES = """
    insert into smsgw.fair_share (lane, tenant, pass_value, last_served_at)
    select 'bulk', 'tenant ' || n, 1, now() - interval '2 hours' from generate_series(1, 20000) as n
"""

INDEXES = """
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index as i
    where
        i.indrelid = any('{smsgw.outbox,smsgw.request,smsgw.fair_share}'::regclass[])
        and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
"""
"""Those that can be built when the tables are full, which is faster than row by row."""

ONE_QUEUE = (
    "array['{lane}'], array[''], array[0], array[100], array[{newest}], array[null::timestamptz], array[null::bigint]"
)
FROM_A_PLACE = (
    "array['bulk'], array[''], array[0], array[100], array[false], "
    "array['2026-01-01 00:00Z'::timestamptz], array[149000]"
)
CLAIM_TYPES = "text[], text[], bigint[], int[], boolean[], timestamptz[], bigint[]"
BIND_TYPES = "smsgw.new_request[], bigint[], uuid[], smallint[], uuid, float8, text, text"
BIND_ARGUMENTS = (
    "array[row(gen_random_uuid(), 'e', 'x'::bytea, array[1], 1, 'bulk', '', 1, 0)::smsgw.new_request], array[1], "
    "array[gen_random_uuid()], array[1::smallint], gen_random_uuid(), 60, 'w', 'mta'"
)
FINISH_TYPES = "smsgw.attempt_result[]"
FINISH_ARGUMENTS = (
    "array[row(gen_random_uuid(), gen_random_uuid(), 1, 'refused', 400, null, 'p', null, 0.1, 'rejected', 0, false, "
    "false, null, null, null, null, 'bad_request')::smsgw.attempt_result]"
)
LOOK_TYPES = "text, text[], text[], bigint[], text[], bigint[], int, boolean, text[], text[], bigint[], int"
WHOLE = "200, false, array[]::text[], array[]::text[], array[]::bigint[], 64"
FROM = f"'mta', array['bulk', 'otp'], array['{{}}', '{{}}'], array[0, 0], array[]::text[], array[]::bigint[], {WHOLE}"
FROM_THE_START = (
    f"'mta', array[]::text[], array[]::text[], array[]::bigint[], array[]::text[], array[]::bigint[], {WHOLE}"
)
QUICK = (
    "'mta', array[]::text[], array[]::text[], array[]::bigint[], array[]::text[], array[]::bigint[], 200, true, "
    "array['bulk'], array[''], array[0], 64"
)
STATEMENTS = {
    "claim": ("lock_waiting_messages", CLAIM_TYPES, ONE_QUEUE.format(lane="bulk", newest="false")),
    "newest first": ("lock_waiting_messages", CLAIM_TYPES, ONE_QUEUE.format(lane="bulk", newest="true")),
    "all scheduled": ("lock_waiting_messages", CLAIM_TYPES, ONE_QUEUE.format(lane="otp", newest="false")),
    "all scheduled, newest first": ("lock_waiting_messages", CLAIM_TYPES, ONE_QUEUE.format(lane="otp", newest="true")),
    "claim from a place": ("lock_waiting_messages", CLAIM_TYPES, FROM_A_PLACE),
    "look": ("scan_queue_heads", LOOK_TYPES, FROM_THE_START),
    "quick look": ("scan_queue_heads", LOOK_TYPES, QUICK),
    "look from the middle": ("scan_queue_heads", LOOK_TYPES, FROM.format("tenant 5", "tenant 7")),
    "look around the end": ("scan_queue_heads", LOOK_TYPES, FROM.format("tenant 999", "tenant 9999")),
    "shares": ("share_forget", "text, text, int, float8", "'bulk', 'tenant 5', 100, 3600"),
    "retries": ("lock_due_requests", "text[], bigint[], int[]", "array['bulk'], array[2], array[10]"),
    "anything due": ("has_sweep_work", "", ""),
    "expiry": ("expire_messages", "int", "1000"),
    "held tags": ("unpark_unpaused", "int", "1000"),
    "order keys": ("unblock_next_in_order", "text, text, bigint, int", "'', '', 0, 500"),
    "stand behind": ("park_ordered", "text[], text[], bigint[], int", "array[''], array['key 1'], array[1], 100"),
    "backlog": ("count_backlog", "bigint", "2000"),
    "bind": ("create_requests", BIND_TYPES, BIND_ARGUMENTS),
    "finish": ("complete_attempts", FINISH_TYPES, FINISH_ARGUMENTS),
    "renew": ("lease_renew", "uuid[], float8, uuid[]", "array[gen_random_uuid()], 60, array[gen_random_uuid()]"),
}
"""Name, query, types and arguments."""

INDEX = {
    "claim": "outbox_waiting", "newest first": "outbox_waiting", "all scheduled": "outbox_waiting",
    "all scheduled, newest first": "outbox_waiting", "claim from a place": "outbox_waiting",
    "look": "outbox_waiting", "quick look": "outbox_waiting",
    "look from the middle": "outbox_waiting", "look around the end": "outbox_waiting", "shares": "fair_share_pkey",
    "retries": "request_due", "anything due": "outbox_expiring",
    "expiry": "outbox_expiring", "held tags": "outbox_parked_pause", "order keys": "outbox_parked_order",
    "stand behind": "outbox_order", "backlog": "outbox_waiting", "bind": "outbox_pkey", "finish": "request_pkey",
    "renew": "request_pkey",
}  # fmt: skip

LOOKS = dict.fromkeys(("look", "look from the middle", "look around the end"), 5500)
"""Two lanes with twenty thousand tenants each: two hundred probes of the backlog and of the shares in each of them."""

MOST_BUFFERS = {
    "claim": 1500,
    "claim from a place": 1500,
    "quick look": 2500,
    "newest first": 1500,
    "order keys": 3000,
    "stand behind": 2500,
    "backlog": 2500,
} | LOOKS
"""Pages touched at the most; for the others a hundred. Walking over what is not wanted would touch thousands."""


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan] + [node for child in plan.get("Plans", []) for node in nodes(child)]


@pytest.fixture
def crowded(clone: Callable[[], Awaitable[str]]) -> str:
    """A database with a long history, a long backlog, much that is scheduled for later, and retries."""
    import asyncio

    async def fill() -> str:
        dsn = await clone()
        # Without the triggers, which say nothing about plans and take most of the time.
        connection = await asyncpg.connect(dsn, server_settings={"session_replication_role": "replica"})
        indexes = await connection.fetch(INDEXES)
        for index in indexes:
            await connection.execute(f"drop index {index['name']}")
        for statement in (HISTORY, BOUND, WAITING, SCHEDULED, BEHIND, RETRIES, TENANTS, SHARES):
            await connection.execute(statement)
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("vacuum analyze smsgw.outbox")
        await connection.execute("vacuum analyze smsgw.request")
        await connection.execute("vacuum analyze smsgw.fair_share")
        await connection.close()
        return dsn

    return asyncio.run(fill())


@pytest.fixture
async def connection(crowded: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(crowded)
    yield connection
    await connection.close()


async def explained(connection: Any, name: str) -> list[dict[str, Any]]:
    """Run a statement, roll it back, and return the nodes of its plan with what each of them did."""
    file, types, arguments = STATEMENTS[name]
    await connection.execute("set plan_cache_mode = force_generic_plan")
    # What takes no arguments takes no parentheses either.
    types, arguments = (f"({given})" if given else "" for given in (types, arguments))
    await connection.execute(f"prepare {file} {types} as {query(file)}")
    row = await connection.fetchval(f"explain (analyze, buffers, format json) execute {file} {arguments}")
    await connection.execute(f"deallocate {file}")
    return nodes(json.loads(row)[0]["Plan"])


async def test_no_hot_statement_reads_more_than_it_needs(connection: Any) -> None:
    """One test, so that the tables are filled once, whatever worker it is on."""
    for name in STATEMENTS:
        transaction = connection.transaction()
        await transaction.start()
        try:
            plan = await explained(connection, name)
        finally:
            await transaction.rollback()
        scans = [node for node in plan if node.get("Relation Name") in {"outbox", "request"}]
        touched = plan[0]["Shared Hit Blocks"] + plan[0]["Shared Read Blocks"]
        assert not [node for node in scans if node["Node Type"] == "Seq Scan"], name
        assert INDEX[name] in {node.get("Index Name") for node in plan}, name
        assert touched <= MOST_BUFFERS.get(name, 100), (name, touched)
        assert sum(node.get("Rows Removed by Filter", 0) for node in scans) < 100, name


def test_what_is_not_due_yet_bounds_the_scan() -> None:
    """A volatile clock cannot bound an index scan: everything later would be read and thrown away, row by row."""
    for name in ("lock_waiting_messages", "expire_messages", "lock_due_requests"):
        bounds = re.findall(r"(?:not_before|expires_at|available_at\)) <= (\w+)\(", query(name))
        assert bounds
        assert set(bounds) == {"statement_timestamp"}, name
