"""The reader sees no number and no text; the operator rewrites no history; the gateway changes no rule."""

import json
from typing import Any

import asyncpg
import pytest
from support.privileges import RELATIONS, columns

DENIED = asyncpg.InsufficientPrivilegeError
NUMBER, TEXT = "+12025550167", "a text that nobody may see"


@pytest.fixture
async def told(connection: Any) -> Any:
    """A database in which number and text stand wherever they can."""
    request = "01900000-0000-7000-8000-000000000001"
    number, text = f"'{NUMBER}'", f"'{TEXT}'"
    for table, names, values in (
        (
            "outbox",
            "to_number, body, reference, order_key, dedupe_key",
            f"{number}, {text}, {number}, {number}, {text}",
        ),
        ("outbox", "to_number, body, variables", f"""{number}, {text}, '{{"a": "{TEXT}"}}'"""),
        ("outbox", "to_number, body, tags", f"""{number}, {text}, '{{"a": "{NUMBER}"}}'"""),
        (
            "request",
            "id, parts, pending_receipts, route, lane, tenant, external_id, members, body",
            f"'{request}', 1, 1, 'mta', 'bulk', '', 'e', array[1], '{TEXT} {NUMBER}'",
        ),
        (
            "receipt",
            "source, event, number, external_id, provider_status, digest, raw",
            f"'webhook', 'x', {number}, {number}, {text}, sha256('x'), {text}",
        ),
        ("inbound", "from_number, to_number, body", f"{number}, {number}, {text}"),
        ("suppression", "number, source, reason", f"{number}, 'reply', {text}"),
        (
            "group_delivery",
            "message_id, generation, number, delivery_status, happened_at",
            f"1, 0, {number}, 'sent', now()",
        ),
        ("operator_action", "actor, action, reason", f"'ann', 'x', {text}"),
        ("final_state_pending", "message_id, state, reason, final_at", f"1, 'x', {text}, now()"),
    ):
        await connection.execute(f"insert into smsgw.{table} ({names}) values ({values})")
    return connection


async def test_the_reader_sees_no_number_and_no_text_anywhere(told: Any, log_in: Any) -> None:
    reader, seen = await log_in("smsgw_reader"), ""
    for relation in await told.fetch(RELATIONS):
        allowed = [] if relation["is_sequence"] else await columns(told, "smsgw_reader", relation["oid"], "SELECT")
        if allowed:
            rows = await reader.fetch(f"select {', '.join(allowed)} from smsgw.{relation['name']}")
            seen += json.dumps([dict(row) for row in rows], default=str)
    assert '"tenant"' in seen
    assert NUMBER[1:] not in seen
    assert TEXT not in seen


async def test_the_reader_gets_nothing_by_asking_for_what_it_may_not_see(told: Any, log_in: Any) -> None:
    reader = await log_in("smsgw_reader")
    for statement in (
        "select to_number from smsgw.outbox", "select o from smsgw.outbox as o",
        "select row_to_json(o) from smsgw.outbox as o",
        "select count(*) from smsgw.outbox where to_number = '+12025550167'", "select * from smsgw.message",
        "select id from smsgw.outbox order by body", "select raw from smsgw.receipt", "select body from smsgw.request",
        "select number from smsgw.group_delivery", "select * from smsgw.suppression", "select * from smsgw.inbound",
        "select smsgw.enqueue(to_number => '+12025550123', body => 'x')", "select * from smsgw.final_states()",
        "copy smsgw.outbox to stdout", "update smsgw.lane set weight = 9", "delete from smsgw.pause",
    ):  # fmt: skip
        with pytest.raises(DENIED):
            await reader.execute(statement)
    await told.execute("analyze smsgw.outbox")
    statistics = "select count(*) from pg_stats where schemaname = 'smsgw' and attname in ('body', 'to_number')"
    assert await reader.fetchval(statistics) == 0


@pytest.mark.parametrize("role", ["smsgw_operator", "smsgw_gateway"])
async def test_what_people_did_can_be_added_to_and_not_be_rewritten(told: Any, log_in: Any, role: str) -> None:
    session = await log_in(role)
    await session.execute("insert into smsgw.operator_action (actor, action) values ('bob', 'x')")
    for statement in (
        "update smsgw.operator_action set actor = 'eve'", "delete from smsgw.operator_action",
        "truncate smsgw.operator_action", "drop table smsgw.operator_action",
        "alter table smsgw.operator_action alter actor drop not null",
        "insert into smsgw.operator_action (actor) values (1) on conflict (id) do update set actor = 2",
        "create rule r as on insert to smsgw.operator_action do instead nothing",
        "merge into smsgw.operator_action o using (values (1)) v (x) on o.id = v.x when matched then delete",
    ):  # fmt: skip
        with pytest.raises(DENIED):
            await session.execute(statement)
    with pytest.raises(asyncpg.GeneratedAlwaysError):
        await session.execute("insert into smsgw.operator_action (id, actor, action) values (1, 'a', 'b')")
    assert await told.fetchval("select count(*) from smsgw.operator_action") == 2


@pytest.mark.parametrize("role", ["smsgw_operator", "smsgw_gateway"])
async def test_nobody_but_the_migrations_changes_the_rules(log_in: Any, role: str) -> None:
    session = await log_in(role)
    for statement in (
        "insert into smsgw.migration (number, name, checksum) values (9999, 'x', 'x')", "delete from smsgw.migration",
        "create table smsgw.mine (x int)", "drop trigger intake on smsgw.outbox",
        "alter table smsgw.outbox disable trigger all", "set role smsgw_app", "truncate smsgw.outbox",
        "set session_replication_role = replica",
    ):  # fmt: skip
        with pytest.raises(DENIED):
            await session.execute(statement)
