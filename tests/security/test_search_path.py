"""Nothing that an application plants in `public` runs inside a statement of ours, in no session of any kind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from ha.children import missing
from ha.pgbouncer import PgBouncer
from ha.run import folder
from support.planted import plant, ran
from support.processes import Gateway, Simulator, free_port, poll
from support.workers import FakeProvider, make_worker
from typer.testing import CliRunner

from gateway.cli.commands import app as commands
from gateway.store.migrate import migrate
from gateway.store.pool import connect, open_pool, prepare, set_codecs
from gateway.store.search_path import SEARCH_PATH, SearchPathNotPinned

NUMBER, UNREACHABLE, STOPPED = "+12025550123", "+12025550166", "+12025550177"
BEARER = {"Authorization": "Bearer token-of-the-console"}
PAGES = (
    "/api/status", "/api/messages?state=delivered&lane=default&tag=a", "/api/messages?reference=order_1", "/api/lanes",
    "/api/messages/1", "/api/messages/1/why", "/api/samples", "/api/cohorts", "/api/pauses", "/api/suppressions",
    "/api/replies", "/api/actions", "/api/replay", "/", "/messages", "/stuck", "/replay", "/lanes", "/suppression",
    "/replies", "/log", "/messages/1",
)  # fmt: skip
COMMANDS = (
    ("status",), ("doctor", "--only-database"), ("lanes", "list"), ("lanes", "set", "bulk", "--weight", "2"),
    ("messages", "list", "--state", "delivered", "--tag", "a", "--since", "1h"), ("messages", "show", "1"),
    ("messages", "list", "--number", NUMBER, "--count"), ("messages", "why", "1"), ("messages", "list", "--stuck"),
    ("pause", "tag", "a", "--because", "a test"), ("resume", "tag", "a", "--because", "a test"),
    ("suppress", "add", "+12025550199", "--because", "a test"), ("suppress", "list"),
    ("suppress", "remove", "+12025550199", "--because", "a test"), ("log",),
    ("replay", "--state", "undelivered", "--allow-duplicates", "--because", "a test", "--yes"), ("replay", "--history"),
    ("send", "--to", NUMBER, "--body", "by hand"),
)  # fmt: skip


@pytest.fixture
async def hostile(database: Any, connection: Any, make_login: Any) -> str:
    """The DSN of an application that has planted everything, in a database where it is found before Postgres' own."""
    await connection.execute("grant create on schema public to public")
    dsn: str = await make_login("smsgw_app")
    app: Any = await asyncpg.connect(dsn)
    assert await plant(app) > 1000
    await app.close()
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set search_path = public, pg_catalog')
    await connection.execute("set search_path = pg_catalog")
    return dsn


@pytest.fixture
async def bouncer(database: Any, make_login: Any) -> AsyncIterator[tuple[PgBouncer, str]]:
    """A pooler in transaction mode for a login of the gateway, and that login's direct way."""
    direct = await make_login("smsgw_gateway")
    with folder() as place:
        bouncer = PgBouncer(place, direct, size=2)
        bouncer.child.start()

        async def listens() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", bouncer.port)
            except OSError:
                return False
            writer.close()
            return True

        await poll(listens)
        yield bouncer, direct
        await bouncer.child.end()


def name_of(dsn: str) -> str:
    return dsn.rpartition("/")[2]


def user_of(dsn: str) -> str:
    return dsn.partition("//")[2].partition(":")[0]


Run = Callable[..., Awaitable[str]]


@pytest.fixture
def smsgw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in this process, as a login."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMSGW_SUITE_DSN", raising=False)
    monkeypatch.delenv("SMSGW_SUITE_TEMPLATE", raising=False)

    async def run(dsn: str, *words: str) -> str:
        monkeypatch.setenv("SMSGW_DATABASE_URL", dsn)
        done = await asyncio.to_thread(CliRunner().invoke, commands, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        failed = done.exit_code != 0 and words[0] != "doctor"
        assert not failed, (words, done.output)
        return str(done.output)

    return run


async def live(
    hostile: str, gateway_dsn: str, operator_dsn: str, owner: Any, smsgw: Run, tmp_path: Path, **more: Any
) -> None:
    """Have messages go through everything that there is, and commands and pages look at them."""
    webhook_port = free_port()
    simulator = await Simulator(
        tmp_path, webhook_port, status_delay=[0.0, 0.05], final_by_suffix={UNREACHABLE[-4:]: 6}
    ).start()
    settings = {"ops_token": "token-of-the-console", "reconcile_interval": "300ms", "poll_interval": "100ms"} | more
    gateway = await Gateway(tmp_path, gateway_dsn, simulator.base, webhook_port, **settings).start()
    app: Any = await asyncpg.connect(hostile)
    try:
        await insert(app)

        async def final() -> Any:
            states = await owner.fetch("select state from smsgw.message where not_before <= now() order by id")
            return {row["state"] for row in states} == {"delivered", "undelivered"} and states

        assert len(await poll(final)) == 5
        assert await ran(owner) == [], "in the application's session"
        await simulator_reply(simulator, STOPPED, "STOP")
        await poll(lambda: owner.fetchval("select count(*) = 1 from smsgw.suppression"))
        for words in COMMANDS:
            await smsgw(operator_dsn, *words)
        await poll(lambda: owner.fetchval("select count(*) = 0 from smsgw.message where state = 'ready'"))
        async with aiohttp.ClientSession(headers=BEARER) as session:
            for page in PAGES:
                async with session.get(f"http://127.0.0.1:{gateway.ops_port}{page}") as answer:
                    assert answer.status == 200, (page, await answer.text())
        assert await app.fetch("select * from smsgw.final_states()")
        assert await app.fetch("select * from smsgw.message")
        assert "smsgw_build_info" in await gateway.metrics()
    finally:
        await app.close()
        await gateway.process.stop()
    again = await Gateway(
        tmp_path, gateway_dsn, simulator.base, webhook_port, name="again", unconfirmed_after="100ms", retention="100ms",
        **more,
    ).start()  # fmt: skip
    try:
        await poll(lambda: owner.fetchval("select count(*) = 0 from smsgw.message where final_at is not null"))
    finally:
        await again.process.stop()
        await simulator.process.stop()
    for log in (gateway.process.log, again.process.log):
        assert "component_failed" not in log.read_text()


async def insert(app: Any) -> None:
    """Insert every kind of message as the application, and one that is refused."""
    into = "insert into smsgw.outbox (to_number, body, tags, order_key, reference) values ($1, $2, $3, $4, $5)"
    for number in (NUMBER, NUMBER, UNREACHABLE):
        await app.execute(into, number, "x", '{"a": "b"}', "k", "order_1")
    call = "select smsgw.enqueue(to_number => $1, body => 'Hi {{name}}', variables => $2, dedupe_key => 'd')"
    first = await app.fetchval(call, NUMBER, '{"name": "Ada"}')
    assert await app.fetchval(call, NUMBER, '{"name": "Ada"}') == first
    await app.execute("insert into smsgw.outbox (to_number, body, lane) values ($1, 'x', 'otp')", NUMBER)
    tomorrow = "select smsgw.enqueue(to_number => $1, body => 'x', not_before => 'tomorrow')"
    await app.fetchval(tomorrow, NUMBER)
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await app.execute(into, "no number", "x", None, None, None)


async def simulator_reply(simulator: Simulator, number: str, text: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulator.base}/admin/reply", json={"number": number, "text": text}) as answer,
    ):
        assert answer.status == 200


async def test_nothing_that_is_planted_runs_in_the_life_of_a_message(
    hostile: str, database: Any, make_login: Any, connection: Any, smsgw: Run, tmp_path: Path
) -> None:
    await live(
        hostile, await make_login("smsgw_gateway"), await make_login("smsgw_operator"), connection, smsgw, tmp_path
    )
    assert "up to date" in await smsgw(database.dsn, "migrate")
    assert await ran(connection) == []


@pytest.mark.skipif(bool(missing("pgbouncer")), reason="this machine has no pgbouncer")
async def test_nothing_that_is_planted_runs_in_pooled_sessions(
    hostile: str, bouncer: Any, database: Any, make_login: Any, connection: Any, smsgw: Run, tmp_path: Path
) -> None:
    pooler, direct = bouncer
    await connection.execute(f"alter role {user_of(direct)} set search_path = {SEARCH_PATH}")
    way = pooler.address(name_of(database.dsn))
    await live(hostile, way, await make_login("smsgw_operator"), connection, smsgw, tmp_path, listen_url=direct)
    assert await ran(connection) == []


async def test_migrations_take_nothing_planted_into_the_schema(
    empty_database: Any, server_dsn: str, connection: Any
) -> None:
    owner: Any = await asyncpg.connect(empty_database.dsn)
    try:
        await plant(owner)
        await owner.execute(f'alter database "{name_of(empty_database.dsn)}" set search_path = public, pg_catalog')
        await migrate(empty_database.dsn)
        assert await ran(owner) == []
        strangers = await owner.fetch(
            "select pg_describe_object(d.classid, d.objid, d.objsubid) as ours, "
            "pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) as theirs from pg_depend as d "
            "cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as o "
            "cross join lateral pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) as r "
            "where (o.schema = 'smsgw' or o.identity like '%smsgw.%') and r.schema = 'public'"
        )
        assert strangers == []
    finally:
        await owner.close()


async def noop(_: Any) -> None:
    """Leave a connection as it is."""


STATEMENTS = {
    "operator < on a type of ours": "select null::{enum} < any(enum_range(null::{enum}))",
    "operator =": "select id from smsgw.outbox where lane = 'default'",
    "operator in a list": "select 1 from smsgw.lane where name in ('bulk', 'otp')",
    "function": "select now()",
    "polymorphic function": "select array_position(array['a'], 'a')",
    "aggregate": "select count(*) from smsgw.lane",
    "type": "select 'x'::text",
}


async def test_what_is_planted_does_run_in_a_session_that_is_not_pinned(
    hostile: str, database: Any, connection: Any
) -> None:
    enum = await connection.fetchval(
        "select min(oid::pg_catalog.regtype::pg_catalog.text) from pg_type "
        "where typnamespace = 'smsgw'::regnamespace and typtype = 'e'"
    )
    await connection.execute("insert into smsgw.outbox (to_number, body) values ($1, 'x')", NUMBER)
    pinned = await connect(database.dsn, purpose="test")
    session: Any = await asyncpg.connect(database.dsn)
    for what, statement in STATEMENTS.items():
        await pinned.fetch(statement.format(enum=enum))
        assert await ran(connection) == [], what
        await session.fetch(statement.format(enum=enum))
        assert len(await ran(connection)) > 0, what
        await connection.execute("delete from public.ran")
    await pinned.close()
    await session.close()


async def test_a_better_match_runs_even_where_postgres_own_schema_comes_first(
    hostile: str, database: Any, connection: Any
) -> None:
    # The default path, as on every server up to 14: the operator on our own type fits better than the one on any enum.
    session: Any = await asyncpg.connect(database.dsn, server_settings={"search_path": '"$user", public'})
    enum = await connection.fetchval(
        "select min(oid::pg_catalog.regtype::pg_catalog.text) from pg_type "
        "where typnamespace = 'smsgw'::regnamespace and typtype = 'e'"
    )
    await session.fetch(f"select e < e from unnest(enum_range(null::{enum})) as e")
    await session.close()
    assert {what for what, _, _ in await ran(connection)} == {f"operator < ({enum}, {enum})"}


async def test_a_claim_runs_what_is_planted_unless_its_sessions_are_pinned(
    hostile: str, database: Any, make_login: Any, connection: Any
) -> None:
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    dsn = await make_login("smsgw_gateway")

    async def send_one(pool: Any) -> None:
        await connection.execute("insert into smsgw.outbox (to_number, body) values ($1, 'x')", NUMBER)
        await make_worker(pool, FakeProvider()).send_all()

    pinned = await open_pool(dsn, purpose="test")
    await send_one(pinned)
    await pinned.close()
    assert await ran(connection) == []

    # The default path, as on every server up to 14.
    path = {"search_path": '"$user", public'}
    open_ = await asyncpg.create_pool(dsn, min_size=1, max_size=4, init=set_codecs, reset=noop, server_settings=path)
    await send_one(open_)
    await open_.close()
    what = {what for what, _, _ in await ran(connection)}
    assert any(one.startswith("operator") and "smsgw." in one for one in what), what


async def test_an_application_cannot_plant_a_cast_of_a_type_that_is_not_its_own(hostile: str, connection: Any) -> None:
    app: Any = await asyncpg.connect(hostile, server_settings={"search_path": "pg_catalog"})
    enums = await connection.fetch(
        "select oid::regtype::text as name from pg_type where typnamespace = 'smsgw'::regnamespace and typtype = 'e'"
    )
    for enum in (row["name"] for row in enums):
        for source, target in ((enum, "text"), ("text", enum), ("jsonb", "text")):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(f"create cast ({source} as {target}) with inout as implicit")
    await app.close()


@pytest.mark.parametrize("query", ["", "?search_path=public", "?options=-c%20search_path%3Dpublic"])
async def test_no_address_of_the_database_opens_a_session_that_is_not_pinned(database: Any, query: str) -> None:
    direct = await connect(f"{database.dsn}{query}", purpose="test")
    pool = await open_pool(f"{database.dsn}{query}", purpose="test")
    try:
        assert await direct.fetchval("show search_path") == SEARCH_PATH
        assert await pool.fetchval("show search_path") == SEARCH_PATH
    finally:
        await direct.close()
        await pool.close()


@pytest.mark.skipif(bool(missing("pgbouncer")), reason="this machine has no pgbouncer")
async def test_a_pooled_session_that_is_not_pinned_is_refused_and_the_statement_to_paste_is_the_cure(
    bouncer: Any, database: Any, connection: Any
) -> None:
    pooler, direct = bouncer
    dsn = pooler.address(name_of(database.dsn))
    with pytest.raises(SearchPathNotPinned) as refused:
        await open_pool(dsn, purpose="test", pooler=True)
    cure = refused.value.remedy.partition(";")[0]
    assert cure == f"ALTER ROLE {user_of(direct)} SET search_path = pg_catalog, pg_temp"
    assert cure in str(refused.value)
    assert "nothing was sent" in str(refused.value)
    await connection.execute(cure)
    # What PgBouncer's RECONNECT does: sessions from before the change end.
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", user_of(direct)
    )
    pool = await open_pool(dsn, purpose="test", pooler=True)
    assert await pool.fetchval("show search_path") == SEARCH_PATH
    await pool.close()


@pytest.mark.parametrize(
    "path", ["public", '"$user", public', "pg_temp, pg_catalog", "pg_catalog, public", "", "smsgw"]
)
async def test_only_postgres_own_schema_is_taken_for_pinned(connection: Any, path: str) -> None:
    await connection.execute("select set_config('search_path', $1, false)", path)
    with pytest.raises(SearchPathNotPinned):
        await prepare(connection)


@pytest.mark.skipif(bool(missing("pgbouncer")), reason="this machine has no pgbouncer")
async def test_the_gateway_ends_with_one_line_where_its_sessions_are_not_pinned(
    bouncer: Any, database: Any, tmp_path: Path
) -> None:
    pooler, direct = bouncer
    gateway = await Gateway(
        tmp_path, pooler.address(name_of(database.dsn)), "http://127.0.0.1:1", free_port(), listen_url=direct
    ).start(ready=False)
    assert gateway.process.process is not None
    assert await asyncio.wait_for(gateway.process.process.wait(), 60) == 1
    last = gateway.process.log.read_text().splitlines()[-1]
    assert last.startswith("smsgw: SMSGW_DATABASE_URL: this session has search_path ")
    assert f"ALTER ROLE {user_of(direct)} SET search_path = pg_catalog, pg_temp;" in last


@pytest.mark.skipif(bool(missing("pgbouncer")), reason="this machine has no pgbouncer")
async def test_the_doctor_fails_where_a_session_is_not_pinned_or_public_is_writable(
    bouncer: Any, database: Any, connection: Any, smsgw: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooler, direct = bouncer
    assert "ok   schema public" in await smsgw(database.dsn, "doctor", "--only-database")
    await connection.execute("grant create on schema public to public")
    monkeypatch.setenv("SMSGW_LISTEN_URL", database.dsn)
    said = await smsgw(pooler.address(name_of(database.dsn)), "doctor", "--only-database")
    assert "fail schema public: PUBLIC may create objects in it" in said
    assert "→ REVOKE CREATE ON SCHEMA public FROM PUBLIC;" in said
    assert "fail search_path: this session has search_path" in said
    assert f"→ ALTER ROLE {user_of(direct)} SET search_path = pg_catalog, pg_temp;" in said


async def test_the_doctor_names_the_grant_that_lets_an_application_create(
    database: Any, connection: Any, make_login: Any, smsgw: Run
) -> None:
    member = user_of(await make_login("smsgw_app"))
    stranger = user_of(await make_login("smsgw_reader"))
    await connection.execute(f"grant create on schema public to {member}, {stranger}")
    said = await smsgw(database.dsn, "doctor", "--only-database")
    assert f"→ REVOKE CREATE ON SCHEMA public FROM {member};" in said
    await connection.execute(f"revoke create on schema public from {member}")
    assert "ok   schema public" in await smsgw(database.dsn, "doctor", "--only-database")
