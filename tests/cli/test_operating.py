"""The operator's commands: what they print, their JSON, their exit codes."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from support.operating import accepted, expired, failed, forget, uncertain
from support.outbox import enqueue, state, status

from gateway.cli.output import format_duration
from gateway.operations.filters import read_time

Make = Callable[..., Any]
Smsgw = Callable[..., Any]


async def test_messages_are_listed_by_every_filter(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker(), reference="order_1", tags={"campaign": "may"})
    await enqueue(operator, 7)
    for options in (
        ("--state", "failed"),
        ("--state", "failed", "--state", "uncertain"),
        ("--reference", "order_1"),
        ("--tag", "campaign=may"),
        ("--reason", "forbidden"),
        ("--reason", "403"),
        ("--number", "(202) 555-0000"),
        ("--stuck",),
        ("--state", "failed", "--ended-since", "1h", "--since", "yesterday", "--until", "now"),
    ):
        done = await smsgw("messages", "list", *options, "--json")
        assert [row["id"] for row in done.lines] == [message_id], options
        assert "5550000" not in done.out


async def test_a_page_says_where_the_next_one_begins(smsgw: Smsgw, operator: Any) -> None:
    made = [await enqueue(operator, index) for index in range(3)]
    done = await smsgw("messages", "list", "--limit", "2")
    assert f"--below {made[1]}" in done.err
    rest = await smsgw("messages", "list", "--limit", "2", "--below", str(made[1]), "--json")
    assert [row["id"] for row in rest.lines] == [made[0]]
    assert rest.err == ""


async def test_a_list_can_be_counted_and_taken_as_csv(smsgw: Smsgw, operator: Any) -> None:
    await enqueue(operator, 1, reference="=cmd()", tags={"a": "b"})
    assert (await smsgw("messages", "list", "--state", "ready", "--count")).out == "1\n"
    done = await smsgw("messages", "list", "--csv")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert (row["reference"], row["tags"], row["state"]) == ("'=cmd()", '{"a": "b"}', "ready")
    assert row["to_number"].endswith("01")
    assert "•" in row["to_number"]


async def test_a_formula_gets_an_apostrophe_and_a_number_none(smsgw: Smsgw, operator: Any) -> None:
    for reference in ("-2+3", "+1202", "plain"):
        await enqueue(operator, 1, reference=reference)
    done = await smsgw("messages", "list", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["reference"] for row in rows] == ["plain", "+1202", "'-2+3"]
    assert {row["tenant"] for row in rows} == {""}
    assert {row["to_number"][0] for row in rows} == {"+"}


async def test_a_table_that_no_terminal_shows_is_cut_nowhere(
    smsgw: Smsgw, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    reference = "a-reference-of-ours-" * 10
    await enqueue(operator, 1, reference=reference)
    assert reference in (await smsgw("messages", "list")).out


@pytest.mark.parametrize(
    "command",
    [
        ("messages", "show", "ID"), ("messages", "why", "ID"), ("messages", "cancel", "ID", "--because", "x"),
        ("messages", "list", "--below", "ID"), ("resolve", "ID", "--as", "failed", "--because", "x"),
        ("replay", "--id", "ID", "--dry-run"), ("replay", "--resume", "ID"), ("log", "--message", "ID"),
    ],
)  # fmt: skip
async def test_an_id_beyond_all_ids_is_a_usage_error(smsgw: Smsgw, command: tuple[str, ...]) -> None:
    done = await smsgw(*(word.replace("ID", str(2**63)) for word in command))
    assert done.code == 2


@pytest.mark.parametrize(
    "options", [("--state", "lost"), ("--since", "soon"), ("--number", "five"), ("--request-id", "x"),
                ("--stuck", "--state", "failed")],
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_a_usage_error(smsgw: Smsgw, options: tuple[str, ...]) -> None:
    done = await smsgw("messages", "list", *options)
    assert done.code == 2
    assert options[0] in done.err


async def test_a_story_shows_code_duration_and_the_providers_request(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    one = worker()
    message_id = await enqueue(operator)
    one.provider.answers.append(status(400, provider_request_id="prov-77"))
    await one.send_all()
    done = await smsgw("messages", "show", str(message_id))
    assert "prov-77" in done.out
    assert "400" in done.out
    assert "10 ms" in done.out
    assert "What to do: Correct the message" in done.out
    shown = (await smsgw("messages", "show", str(message_id), "--json")).lines[0]
    assert shown["meaning"]["code"] == "bad_request"
    assert {step["kind"] for step in shown["timeline"]} >= {"enqueued", "attempt"}


async def test_why_names_the_obstacle_and_the_command(smsgw: Smsgw, operator: Any) -> None:
    message_id = await enqueue(operator, lane="bulk")
    await smsgw("pause", "lane", "bulk", "--because", "complaints", "--for", "1h")
    done = await smsgw("messages", "why", str(message_id))
    assert "lane bulk is paused" in done.out
    assert "→ smsgw resume lane bulk" in done.out
    found = (await smsgw("messages", "why", str(message_id), "--json")).lines[0]
    assert {obstacle["kind"] for obstacle in found["obstacles"]} == {"pause", "no_dispatcher"}
    assert (await smsgw("messages", "why", "4711")).code == 1


async def test_messages_are_cancelled_by_id_or_by_filter(smsgw: Smsgw, operator: Any) -> None:
    made = [await enqueue(operator, index, lane="bulk") for index in range(3)]
    assert (await smsgw("messages", "cancel", str(made[0]))).code == 2
    done = await smsgw("messages", "cancel", str(made[0]), "4711", "--because", "x", "--json")
    assert (done.code, done.lines[0]["cancelled"]) == (1, [made[0]])
    assert "there is no such message" in done.err
    unasked = await smsgw("messages", "cancel", "--lane", "bulk", "--because", "x")
    assert unasked.code == 2
    assert (await smsgw("messages", "cancel", "--lane", "bulk", "--because", "x", "--yes")).out == "cancelled 2\n"
    assert (await smsgw("messages", "cancel", "--because", "x")).code == 2


async def test_ids_and_filters_do_not_go_together(smsgw: Smsgw, operator: Any) -> None:
    message_id = await enqueue(operator, 1)
    done = await smsgw("messages", "cancel", str(message_id), "--lane", "bulk", "--because", "x", "--yes")
    assert done.code == 2
    assert await state(operator, message_id) == "ready"


async def test_a_replay_that_finds_nothing_says_why(smsgw: Smsgw, operator: Any) -> None:
    message_id = await enqueue(operator, 1)
    done = await smsgw("replay", "--id", str(message_id), "--id", "999", "--dry-run")
    assert f"message {message_id} is ready" in done.err
    assert "there is no message 999" in done.err
    assert "no message matches" in (await smsgw("replay", "--lane", "otp", "--dry-run")).err
    assert (await smsgw("replay", "--lane", "otp", "--new-ttl", "0s", "--dry-run")).code == 2


async def test_a_dry_run_says_what_would_be_done(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    await expired(operator)
    done = await smsgw("replay", "--lane", "default", "--dry-run")
    assert "safe: certainly not sent" in done.out
    assert "--new-ttl" in done.out
    plan = (await smsgw("replay", "--lane", "default", "--dry-run", "--json")).lines[0]
    assert (plan["safe"], plan["left_out"]) == ({"messages": 1, "parts": 1}, {"messages": 1, "parts": 1})
    assert await state(operator, message_id) == "failed"


async def test_a_replay_asks_and_goes_on_with_yes(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await failed(operator, worker())
    done = await smsgw("replay", "--state", "failed")
    assert done.code == 2
    assert "--yes" in done.err
    assert await state(operator, message_id) == "failed"
    done = await smsgw("replay", "--state", "failed", "--yes", "--because", "it was our fault")
    assert (done.code, "1 queued again" in done.out) == (0, True)
    assert await state(operator, message_id) == "ready"
    assert "finished" in (await smsgw("replay", "--history")).out
    assert "it was our fault" in (await smsgw("log", "--message", str(message_id))).out


async def test_a_replay_that_was_interrupted_is_resumed(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    from gateway.operations import replay
    from gateway.store.filters import Filters

    made = await failed(operator, worker(), 4)
    planned = await replay.plan(operator, Filters(states=("failed",)))
    begun = await replay.begin(operator, planned, actor="alice")
    await replay.step(operator, begun.id, limit=2)
    assert f"--resume {begun.id}" in (await smsgw("replay", "--history")).out
    done = (await smsgw("replay", "--resume", str(begun.id), "--json")).lines[-1]
    assert (done["replayed"], done["planned"]) == (4, 4)
    assert {await state(operator, one) for one in made} == {"ready"}


async def test_what_is_risky_needs_a_word_and_a_reason(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await uncertain(operator, worker())
    await forget(operator)
    done = await smsgw("replay", "--id", str(message_id), "--yes")
    assert done.code == 1
    assert "--allow-duplicates" in done.err
    assert (await smsgw("replay", "--id", str(message_id), "--yes", "--allow-duplicates")).code == 2
    done = await smsgw("replay", "--id", str(message_id), "--yes", "--allow-duplicates", "--because", "better twice")
    assert "1 sent a second time" in done.out


async def test_a_replay_without_a_filter_is_a_usage_error(smsgw: Smsgw) -> None:
    assert (await smsgw("replay", "--yes")).code == 2


async def test_an_uncertain_message_is_resolved(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await uncertain(operator, worker())
    assert (await smsgw("resolve", str(message_id), "--as", "failed", "--yes")).code == 2
    assert (await smsgw("resolve", str(message_id), "--as", "lost", "--because", "x")).code == 2
    done = await smsgw("resolve", str(message_id), "--as", "failed", "--because", "asked support", "--yes")
    assert done.out == "1 messages are failed\n"
    again = await smsgw("resolve", str(message_id), "--as", "failed", "--because", "asked support", "--yes")
    assert again.code == 1
    assert "not uncertain" in again.err
    assert (await smsgw("resolve", "4711", "--as", "failed", "--because", "x", "--yes")).code == 1


async def test_pauses_are_set_listed_and_lifted(smsgw: Smsgw, operator: Any) -> None:
    assert (await smsgw("pause", "tag", "campaign=may", "--because", "x", "--for", "2h")).code == 0
    (row,) = (await smsgw("pause", "--json")).lines
    assert (row["scope"], row["subject"], row["reason"]) == ("tag", "campaign=may", "x")
    assert (await smsgw("pause", "tag", "campaign=may", "--because", "y")).code == 1
    assert "with the reason: x" in (await smsgw("resume", "tag", "campaign=may")).out
    assert (await smsgw("resume", "tag", "campaign=may")).code == 1
    assert (await smsgw("pause", "everything", "--because", "x")).code == 2


async def test_lanes_are_listed_and_set(smsgw: Smsgw) -> None:
    assert (await smsgw("lanes", "set", "news", "--ttl", "2h", "--because", "new")).out == "lane news created\n"
    assert {row["name"]: row["ttl"] for row in (await smsgw("lanes", "list", "--json")).lines}["news"] == 7200.0
    assert (await smsgw("lanes", "set", "News!")).code == 1


async def test_status_has_stable_keys_and_its_alarms_first(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    await failed(operator, worker())
    await enqueue(operator, 7)
    await smsgw("pause", "lane", "bulk", "--because", "complaints")
    found = (await smsgw("status", "--json")).lines[0]
    assert set(found) == {
        "at", "lanes", "limits", "pauses", "replicas", "routes", "troubles", "receiving", "versions", "backlog",
        "sending",
    }  # fmt: skip
    text = (await smsgw("status")).out
    assert text.startswith("PAUSED lane bulk")
    assert "NOT SENDING" in text
    assert "refused" in text
    assert "webhooks: 0 in the last hour" in text


async def test_the_doctor_ends_with_one_when_something_fails(
    smsgw: Smsgw, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await smsgw("doctor", "--only-database")
    assert done.code == 0, done.out
    assert "ok   schema" in done.out
    monkeypatch.delenv("SMSGW_WEBHOOK_SECRET", raising=False)
    done = await smsgw("doctor", "--json")
    assert done.code == 0
    assert [check["name"] for check in done.lines if check["level"] == "fail"] == []
    (webhook,) = [check for check in done.lines if check["name"] == "webhook round trip"]
    assert "not checked" in webhook["message"]
    monkeypatch.setenv("SMSGW_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = await smsgw("doctor", "--only-database")
    assert done.code == 1
    assert "→ check SMSGW_DATABASE_URL" in done.out


async def test_what_was_accepted_waits_for_its_receipt(smsgw: Smsgw, operator: Any, worker: Make) -> None:
    (message_id,) = await accepted(operator, worker())
    assert "waits for the delivery receipt" in (await smsgw("messages", "why", str(message_id))).out


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", datetime(2026, 5, 2, 13, 30, tzinfo=UTC)),
        ("today", datetime(2026, 5, 2, tzinfo=UTC)),
        ("yesterday", datetime(2026, 5, 1, tzinfo=UTC)),
        ("90m", datetime(2026, 5, 2, 12, 0, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, meant: datetime) -> None:
    assert read_time(text, datetime(2026, 5, 2, 13, 30, tzinfo=UTC)) == meant


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.34, "340 ms"), (12, "12 s"), (90, "90 s"), (300, "5 min"), (9000, "2.5 h"), (259200, "3 d")],
)
def test_a_duration_is_formatted_for_people(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_person_who_says_no_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.cli import session

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(typer.Exit):
        session.confirm("really?")
