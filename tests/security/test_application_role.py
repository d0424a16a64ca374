"""An application can do its job and nothing else, however it tries."""

import io
from typing import Any

import asyncpg
import pytest
from support.privileges import FUNCTIONS, RELATIONS

DENIED = asyncpg.InsufficientPrivilegeError
MAY_READ = {"message", "lane", "inbound"}
MAY_CALL = {"enqueue", "final_states", "message_state", "has_tag"}
STATISTICS = "select count(*) from pg_stats where schemaname = 'smsgw' and attname in ('to_number', 'body', 'tags')"
INSERT = "insert into smsgw.outbox (to_number, body) values ($1, $2) returning id"


@pytest.fixture
async def app(log_in: Any) -> Any:
    """A session of an application that has a schema of its own, as most have."""
    return await log_in("smsgw_app")


async def test_it_does_its_job(app: Any) -> None:
    plain = await app.fetchval(INSERT, "+12025550123", "x")
    called = await app.fetchval("select smsgw.enqueue(to_number => '+12025550124', body => 'x')")
    states = await app.fetch("select id, state from smsgw.message order by id")
    assert [(row["id"], row["state"]) for row in states] == [(plain, "ready"), (called, "ready")]
    assert await app.fetch("select * from smsgw.final_states()") == []
    assert await app.fetch("select from_number, body from smsgw.inbound") == []
    assert await app.fetchval("select count(*) from smsgw.lane") >= 3


async def test_it_reads_changes_and_empties_no_table(app: Any, connection: Any) -> None:
    for relation in await connection.fetch(RELATIONS):
        name = relation["name"]
        tries = [f"select * from smsgw.{name}"] if name not in MAY_READ else []
        tries += [f"alter table smsgw.{name} owner to current_user", f"comment on table smsgw.{name} is 'x'"]
        if not relation["is_sequence"] and not relation["is_view"]:
            column = await connection.fetchval(
                "select attname from pg_attribute where attrelid = $1::oid and attnum = 1", relation["oid"]
            )
            tries += [f"update smsgw.{name} set {column} = default", f"delete from smsgw.{name}"]
            tries += [f"truncate smsgw.{name}", f"insert into smsgw.{name} ({column}) values (default)"]
        for statement in tries:
            with pytest.raises((DENIED, asyncpg.WrongObjectTypeError)):
                await app.execute(statement)


async def test_it_calls_no_function_that_is_not_for_it(app: Any, connection: Any) -> None:
    for function in await connection.fetch(FUNCTIONS):
        if function["name"] in MAY_CALL:
            continue
        await connection.execute("set search_path = pg_catalog")
        arguments = await connection.fetchval(
            "select coalesce(string_agg('null::' || t::regtype::text, ', ' order by n), '') "
            "from pg_proc as p, unnest(p.proargtypes::oid[]) with ordinality as a (t, n) where p.oid = $1::oid",
            function["oid"],
        )
        with pytest.raises(DENIED):
            await app.execute(f"select smsgw.{function['name']}({arguments})")


@pytest.mark.parametrize(
    "statement",
    [
        "set role smsgw_gateway",
        "set role smsgw_operator",
        "set session authorization smsgw_gateway",
        "grant smsgw_gateway to current_user",
        "alter role current_user superuser",
        "create role another login",
        "create table smsgw.mine (x int)",
        "create function smsgw.mine() returns int language sql return 1",
        "create or replace function smsgw.has_tag(tags jsonb, subject text) returns boolean language sql return true",
        "alter function smsgw.enqueue reset search_path",
        "alter table smsgw.outbox disable trigger all",
        "drop trigger intake on smsgw.outbox",
        "create trigger t before update on smsgw.outbox for each row execute function tsvector_update_trigger()",
        "create rule mine as on insert to smsgw.outbox do instead nothing",
        "create policy mine on smsgw.outbox using (true)",
        "create index mine on smsgw.outbox (to_number)",
        "create view pg_temp.mine as select to_number from smsgw.outbox; select * from pg_temp.mine",
        "do $$ begin lock table smsgw.outbox in access exclusive mode; end $$",
        "select id from smsgw.outbox for update",
        "set session_replication_role = replica",
        "copy smsgw.outbox (to_number, body) to stdout",
        "copy (select body from smsgw.request) to stdout",
        "copy smsgw.outbox (to_number, body) to program 'cat'",
        "copy smsgw.outbox (to_number, body) from '/etc/passwd'",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/x')",
        "select pg_reload_conf()",
        "create extension dblink",
        "create publication mine for table smsgw.outbox",
        "alter system set log_statement = 'all'",
        "select stanumbers1 from pg_statistic",
        "select rolpassword from pg_authid",
    ],
)
async def test_it_cannot(app: Any, statement: str) -> None:
    with pytest.raises((DENIED, asyncpg.InvalidParameterValueError, asyncpg.ObjectNotInPrerequisiteStateError)) as told:
        await app.execute(statement)
    assert told.value.sqlstate == "42501", told.value


async def test_it_cannot_insert_what_is_the_gateways(app: Any) -> None:
    for column, value in {
        "id": "1", "created_at": "now()", "request_id": "gen_random_uuid()", "delivery_status": "'delivered'",
        "terminal_status": "'failed'", "generation": "1", "final_at": "now()", "parts": "1",
        "parked_by": "'pause'", "park_reason": "'x'",
    }.items():  # fmt: skip
        with pytest.raises(DENIED):
            await app.execute(
                f"insert into smsgw.outbox (to_number, body, {column}) overriding system value "
                f"values ('+12025550123', 'x', {value})"
            )


async def test_copy_into_the_outbox_is_checked_like_any_insert(app: Any) -> None:
    async def copy(line: bytes) -> None:
        await app.copy_to_table(
            "outbox", schema_name="smsgw", columns=["to_number", "body"], source=io.BytesIO(line), format="csv"
        )

    await copy(b"+12025550123,x\n")
    with pytest.raises(asyncpg.InvalidParameterValueError, match="to_number"):
        await copy(b"no number,x\n")


async def test_a_search_path_of_its_own_puts_nothing_under_the_checks(app: Any) -> None:
    await app.execute("create function char_length(text) returns int language sql return 1")
    await app.execute("create function is_fine(text, text) returns boolean language sql return false")
    await app.execute("create operator !~ (leftarg = text, rightarg = text, function = is_fine)")
    schema = await app.fetchval("select current_schema()")
    await app.execute(f"set search_path = {schema}, pg_catalog")
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"^to_number: must be in E.164 form"):
        await app.execute(INSERT, "no number", "x")
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"^body: must be at most"):
        await app.execute(INSERT, "+12025550123", "x" * 4001)
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"^to_number: must be in E.164 form"):
        await app.execute("select smsgw.enqueue(to_number => 'no number', body => 'x')")


async def test_temporary_tables_put_nothing_under_the_functions_of_the_owner(app: Any) -> None:
    await app.execute("create temporary table outbox (id bigint, to_number text, body text)")
    await app.execute("create temporary table final_feed (position bigint)")
    await app.fetchval("select smsgw.enqueue(to_number => '+12025550123', body => 'x')")
    assert await app.fetchval("select count(*) from pg_temp.outbox") == 0
    assert await app.fetchval("select count(*) from smsgw.message") == 1


async def test_it_cannot_hang_the_owners_triggers_on_a_table_of_its_own(app: Any, connection: Any) -> None:
    await app.execute(
        "create temporary table mine (id bigint, final_at timestamptz, delivery_status smsgw.delivery_status, "
        "terminal_status smsgw.terminal_status, reason text)"
    )
    for function in ("outbox_final", "outbox_intake", "outbox_doorbell"):
        with pytest.raises(DENIED):
            await app.execute(f"create trigger t after insert on mine for each row execute function smsgw.{function}()")
    assert await connection.fetchval("select count(*) from smsgw.final_state_pending") == 0


async def test_the_planners_statistics_tell_it_no_number(app: Any, connection: Any) -> None:
    for number in range(200):
        await connection.execute(INSERT, f"+1202555{number % 3:04}", "x")
    await connection.execute("analyze smsgw.outbox")
    assert await app.fetchval(STATISTICS) == 0
