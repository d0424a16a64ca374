"""Each role is enough for its work: the daemon, an application and an operator, with nothing but their own logins."""

import json
from pathlib import Path
from typing import Any

import asyncpg
from support.processes import Gateway, Simulator, free_port, poll, run_command


def smsgw(dsn: str, folder: Path, *arguments: str) -> str:
    done = run_command(*arguments, folder=folder, HOME=str(folder), SMSGW_DATABASE_URL=dsn)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


async def test_a_message_goes_all_its_way_between_roles(make_login: Any, connection: Any, tmp_path: Path) -> None:
    webhook_port = free_port()
    simulator = await Simulator(tmp_path, webhook_port, status_delay=[0.0, 0.05]).start()
    gateway = await Gateway(tmp_path, await make_login("smsgw_gateway"), simulator.base, webhook_port).start()
    app: Any = await asyncpg.connect(await make_login("smsgw_app"))
    try:
        sent = await app.fetchval(
            "select smsgw.enqueue(to_number => '+12025550123', body => $1, order_key => 'k', tags => '{\"a\": \"b\"}')",
            "hello",
        )

        async def told() -> list[Any]:
            return list(await app.fetch("select message_id, state from smsgw.final_states()"))

        assert [tuple(row) for row in await poll(told)] == [(sent, "delivered")]
        assert await app.fetchval("select state from smsgw.message where id = $1", sent) == "delivered"
        assert "smsgw_build_info" in await gateway.metrics()
    finally:
        await app.close()
        await gateway.process.stop()
        await simulator.process.stop()
    log = gateway.process.log.read_text()
    assert "InsufficientPrivilege" not in log
    assert "part_broke" not in log


async def test_an_operator_needs_no_more_than_the_role(make_login: Any, connection: Any, tmp_path: Path) -> None:
    dsn = await make_login("smsgw_operator")
    smsgw(dsn, tmp_path, "send", "--to", "+12025550123", "--body", "hello")
    (message,) = smsgw(dsn, tmp_path, "messages", "list", "--json").splitlines()
    assert json.loads(message)["state"] == "ready"
    for words in (
        ("messages", "show", "1"), ("status",), ("lanes", "list"), ("lanes", "set", "bulk", "--weight", "2"),
        ("pause", "lane", "bulk", "--because", "a test"), ("resume", "lane", "bulk", "--because", "a test"),
        ("suppress", "add", "+12025550199", "--because", "a test"), ("suppress", "list"),
        ("suppress", "remove", "+12025550199", "--because", "a test"),
    ):  # fmt: skip
        smsgw(dsn, tmp_path, *words)
    actions = await connection.fetch("select action from smsgw.operator_action order by id")
    assert len(actions) >= 5


async def test_prometheus_can_count_as_the_reader(log_in: Any, connection: Any) -> None:
    await connection.execute("insert into smsgw.outbox (to_number, body) values ('+12025550123', 'x')")
    reader = await log_in("smsgw_reader")
    waiting = (
        "select lane, count(*) from smsgw.outbox where request_id is null and terminal_status is null group by lane"
    )
    assert [tuple(row) for row in await reader.fetch(waiting)] == [("default", 1)]
