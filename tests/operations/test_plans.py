"""Searches and replays stay on their indexes on a big table, under the plan that a pooled session ends up with."""

from typing import Any
from uuid import uuid4

from gateway.store.sql import query

FILL = """
    insert into smsgw.outbox (to_number, body, lane, reference, terminal_status, final_at)
    select
        '+1202' || to_char(5550000 + n % 10000, 'FM0000000'), 'x', 'bulk', 'r' || n,
        case when n % 50 = 0 then 'failed' end::smsgw.terminal_status, now()
    from generate_series(1, 30000) as n
"""
BOUND = "update smsgw.outbox set request_id = gen_random_uuid() where id % 40 <> 0 and terminal_status is null"
IDS = list(range(1000, 1400))
SEARCHES: dict[str, tuple[Any, ...]] = {
    "search_recent": (30000, 1, 200, 1000, None, None, None, None),
    "search_by_ids": (30000, 1, 200, IDS),
    "search_by_number": (30000, 1, 200, "+12025550007"),
    "search_by_reference": (30000, 1, 200, "r7"),
    "search_by_request": (30000, 1, 200, uuid4()),
    "search_ended": (30000, 1, 200, ["failed"]),
    "search_undelivered": (30000, 1, 200),
    "search_waiting": (30000, 1, 200, None, ["ready"]),
    "search_open_requests": (30000, 1, 200, ["in_flight", "uncertain"]),
    "search_unconfirmed": (30000, 1, 200),
    "filter_messages": (IDS, {}),
    "classify_for_replay": (IDS, False),
    "lock_replay_requests": (IDS,),
    "lock_replay_messages": (IDS, []),
    "release_messages": (IDS, None),
    "resend_messages": (IDS, None),
    "repeat_requests": ([uuid4()], None),
    "classify_for_cancel": (IDS,),
    "read_timeline": (7,),
    "read_why_facts": (7,),
    "count_ahead": ("bulk", "", 0, None, 7, 1000),
}


async def test_no_statement_of_an_operator_scans_the_outbox(operator: Any) -> None:
    await operator.execute(FILL)
    await operator.execute(BOUND)
    await operator.execute("analyze smsgw.outbox")
    await operator.execute("set plan_cache_mode = force_generic_plan")
    scanning = []
    for name, arguments in SEARCHES.items():
        rows = await operator.fetch(f"explain {query(name)}", *arguments)
        scanning += [name for row in rows if "Seq Scan on outbox" in row[0]]
    assert scanning == []


async def test_what_a_message_waits_for_is_found_without_a_walk_over_the_others(operator: Any) -> None:
    await operator.execute(FILL)
    await operator.execute(BOUND)
    await operator.execute("update smsgw.outbox set order_key = 'a key' where id in (40, 29960)")
    await operator.execute("analyze smsgw.outbox")
    for message_id in (29960, 29959):
        (plan,) = await operator.fetchrow(
            f"explain (analyze, buffers, format json) {query('read_why_facts')}", message_id
        )
        assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 300
