"""The command line, as a person or a script runs it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.processes import run_command as smsgw


@pytest.fixture
def run(database: Any, tmp_path: Path) -> Any:
    """Run a command on the test's database."""
    return lambda *arguments: smsgw(*arguments, folder=tmp_path, SMSGW_DATABASE_URL=database.dsn)


def test_without_a_database_a_command_says_what_to_set(tmp_path: Path) -> None:
    done = smsgw("status", folder=tmp_path)
    assert done.returncode == 1
    assert "SMSGW_DATABASE_URL is not set" in done.stderr


def test_a_database_that_does_not_answer_is_reported_plainly(tmp_path: Path) -> None:
    done = smsgw("status", folder=tmp_path, SMSGW_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["status", "migrate"])
def test_a_database_that_refuses_is_reported_plainly(command: str, database: Any, tmp_path: Path) -> None:
    dsn = database.dsn.rpartition("/")[0] + "/no_such_database"
    done = smsgw(command, folder=tmp_path, SMSGW_DATABASE_URL=dsn)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Postgres refused the login" in done.stderr


def test_what_is_no_address_is_called_so(tmp_path: Path) -> None:
    done = smsgw("status", folder=tmp_path, SMSGW_DATABASE_URL="foo")
    assert done.returncode == 2
    assert "must be a database address" in done.stderr


async def test_migrating_without_the_rights_says_whose_it_needs(connection: Any, database: Any, tmp_path: Path) -> None:
    role = f"lowly_{database.dsn.rpartition('_')[2]}".lower()
    await connection.execute(f"create role {role} login password 'x'")
    try:
        host = database.dsn.partition("@")[2].partition("/")[0]
        await connection.execute("drop schema smsgw cascade")
        name = database.dsn.rpartition("/")[2]
        done = await asyncio.to_thread(
            smsgw, "migrate", folder=tmp_path, SMSGW_DATABASE_URL=f"postgresql://{role}:x@{host}/{name}"
        )
    finally:
        await connection.execute(f"drop role {role}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "CREATEROLE" in done.stderr


def test_a_reader_that_leaves_ends_a_command_quietly(database: Any, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "status"],
        env=os.environ | {"SMSGW_DATABASE_URL": database.dsn},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert b"does not answer" not in process.stderr.read()


def test_a_bad_setting_is_a_usage_error(tmp_path: Path) -> None:
    done = smsgw("run", folder=tmp_path, SMSGW_LEASE="1s")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "SMSGW_LEASE" in done.stderr


def test_a_daemon_without_a_key_does_not_start(run: Any) -> None:
    done = run("run", "--only", "dispatch")
    assert done.returncode == 1
    assert "SMSGW_MTA_API_KEY is not set" in done.stderr


def test_a_test_message_is_enqueued_and_shown(run: Any) -> None:
    sent = run("send", "--to", "+12025550123", "--body", "hello", "--reference", "order_7")
    assert sent.returncode == 0, sent.stderr
    message_id = sent.stdout.split()[1]
    listed = json.loads(run("messages", "list", "--reference", "order_7", "--json").stdout)
    assert (str(listed["id"]), listed["state"]) == (message_id, "ready")
    assert "5550123" not in listed["to_number"]
    shown = json.loads(run("messages", "show", message_id, "--json", "--reveal").stdout)
    assert shown["to_number"] == "+12025550123"
    assert [step["what"] for step in shown["timeline"]] == ["enqueued"]
    assert "enqueued" in run("messages", "show", message_id).stdout


def test_bad_input_is_refused_by_its_sentence(run: Any) -> None:
    done = run("send", "--to", "2025550123", "--body", "hello")
    assert done.returncode == 1
    assert "to_number: must be in E.164 form" in done.stderr


def test_a_message_that_is_not_there_is_not_done(run: Any) -> None:
    assert run("messages", "show", "4711").returncode == 1


def test_status_tells_the_backlog(run: Any) -> None:
    run("send", "--to", "+12025550123", "--body", "hello", "--lane", "otp")
    found = json.loads(run("status", "--json").stdout)
    assert {(row["lane"], row["state"]): row["messages"] for row in found["backlog"]}["otp", "ready"] == 1
    assert "otp" in run("status").stdout


def test_migrating_twice_is_harmless(run: Any) -> None:
    assert "up to date" in run("migrate").stdout


def test_help_lists_every_setting(tmp_path: Path) -> None:
    assert "SMSGW_IDEMPOTENCY_HORIZON" in smsgw("run", "--help", folder=tmp_path).stdout
