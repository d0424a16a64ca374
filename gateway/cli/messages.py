"""`smsgw messages list`, `show`, `why` and `cancel`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from gateway.cli.filters import filter_options
from gateway.cli.options import Because, Below, Json, MessageId, Reveal, Yes
from gateway.cli.output import csv_table, format_duration, format_time, json_line, table
from gateway.cli.session import actor, confirm, fail, settings, with_database
from gateway.operations.filters import MAX_ID
from gateway.store.filters import Filters

group = typer.Typer(help="Find messages, show their timeline, cancel them.", no_args_is_help=True)

DATE_LENGTH = len("2026-01-31")
SEARCH_SECONDS = 20.0

CSV_COLUMNS = (
    "id", "state", "lane", "tenant", "to_number", "reference", "reason", "attempts", "parts", "request_id",
    "provider_message_id", "created_at", "not_before", "expires_at", "accepted_at", "delivered_at", "final_at", "tags",
)  # fmt: skip


@group.command("list")
@filter_options()
def list_(
    filters: Filters,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Messages that may need a person: uncertain, failed, and the like.")
    ] = False,
    below: Below = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most messages to list.")] = 50,
    count: Annotated[bool, typer.Option("--count", help="Print only how many match, up to 10000.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    from dataclasses import replace

    from gateway.operations import search

    if stuck:
        if filters.states is not None:
            fail("--stuck selects states itself; leave out --state", 2)
        filters = replace(filters, states=search.STUCK)
    if count:
        _print_count(with_database(lambda connection: search.count(connection, filters)), as_json=as_json)
        return
    page = with_database(
        lambda connection: search.find(connection, filters, below=below, limit=limit, max_seconds=SEARCH_SECONDS)
    )
    rows = [_masked(message, reveal=reveal) for message in page.messages]
    if as_json:
        for row in rows:
            json_line(row)
    elif as_csv:
        csv_table(rows, columns=[*CSV_COLUMNS])
    else:
        _print_list(rows)
    if page.next is not None:
        more = "the search stopped at its time limit" if page.timed_out else "there are more"
        typer.echo(f"smsgw: {more}; continue with: --below {page.next}", err=True)


@group.command()
def show(message_id: MessageId, reveal: Reveal = False, as_json: Json = False) -> None:
    """Show one message and its timeline."""
    from gateway.operations.timeline import read_timeline

    timeline = with_database(lambda connection: read_timeline(connection, message_id))
    if timeline is None:
        fail(f"there is no message {message_id}")
    message = _masked(timeline.message, reveal=reveal)
    if as_json:
        steps = [
            asdict(entry.step) | {"explanation": None if entry.meaning is None else entry.meaning.explanation}
            for entry in timeline.entries
        ]
        meaning = None if timeline.meaning is None else asdict(timeline.meaning)
        json_line(message | {"timeline": steps, "meaning": meaning})
        return
    table(
        ("MESSAGE", str(message_id)),
        ((name, format_time(v) if isinstance(v, datetime) else v) for name, v in message.items() if v is not None),
    )
    typer.echo()
    _print_steps([entry.step for entry in timeline.entries])
    if timeline.meaning is not None:
        typer.echo(f"\n{timeline.meaning.explanation}\nWhat to do: {timeline.meaning.remedy}")


def _print_steps(steps: list[Any]) -> None:
    """Print a timeline. If all of it is of one day, the date is in the heading, which saves width on a terminal."""
    days = {format_time(step.at)[:DATE_LENGTH] for step in steps}
    heading, begin = (f"{days.pop()} (UTC)", DATE_LENGTH + 1) if len(days) == 1 else ("TIME (UTC)", 0)
    table(
        (heading, "EVENT", "STATUS", "DURATION", "PROVIDER REQUEST", "DETAILS"),
        (
            (format_time(s.at)[begin:], s.what, s.status, format_duration(s.duration), s.provider_request_id, s.detail)
            for s in steps
        ),
    )


@group.command()
def why(message_id: MessageId, as_json: Json = False) -> None:
    """Explain what a message waits for now, and until when."""
    from gateway.operations.why import diagnose

    sender = settings().sender_id
    answer = with_database(lambda connection: diagnose(connection, message_id, default_sender=sender))
    if answer is None:
        fail(f"there is no message {message_id}")
    if as_json:
        obstacles = [asdict(obstacle) for obstacle in answer.obstacles]
        json_line({"id": message_id, "state": answer.message.state, "obstacles": obstacles})
        return
    typer.echo(f"message {message_id} is {answer.message.state}")
    for obstacle in answer.obstacles:
        until = f" (until {format_time(obstacle.until)} UTC)" if obstacle.until is not None else ""
        typer.echo(f"- {obstacle.message}{until}")
        for line in (obstacle.remedy or "").splitlines():
            typer.echo(f"  → {line}")


@group.command()
@filter_options(without=("id",))
def cancel(
    filters: Filters,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", max=MAX_ID, help="Messages to cancel; or use filters.")
    ] = None,
    because: Because = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Cancel messages that were certainly not sent, by id or by filters."""
    if not because:
        fail("--because is required", 2)
    if bool(ids) == (filters != Filters()):
        fail("give either message ids or filters", 2)
    if ids:
        _cancel_ids(ids, because, as_json=as_json)
    else:
        _cancel_matching(filters, because, yes=yes, as_json=as_json)


def _cancel_ids(ids: list[int], because: str, *, as_json: bool) -> None:
    from gateway.operations import cancel as operation

    done = with_database(lambda connection: operation.cancel(connection, ids, actor=actor(), because=because))
    if as_json:
        refused = [{"id": message_id, "why": reason} for message_id, reason in done.refused.items()]
        json_line({"cancelled": list(done.ids), "refused": refused})
    else:
        typer.echo(f"cancelled {len(done.ids)}")
    for message_id, reason in done.refused.items():
        typer.echo(f"smsgw: message {message_id}: {reason}", err=True)
    if done.refused:
        raise typer.Exit(1)


def _cancel_matching(filters: Filters, because: str, *, yes: bool, as_json: bool) -> None:
    from dataclasses import replace

    from gateway.operations.cancel import CANCELLABLE, cancel_matching
    from gateway.operations.search import count

    if not yes:
        matching = filters if filters.states is not None else replace(filters, states=CANCELLABLE)
        confirm(f"cancel {with_database(lambda connection: count(connection, matching))} messages?")
    done = with_database(lambda connection: cancel_matching(connection, filters, actor=actor(), because=because))
    if as_json:
        json_line({"cancelled": done})
    else:
        typer.echo(f"cancelled {done}")


def _masked(message: Any, *, reveal: bool) -> dict[str, Any]:
    from gateway.domain.phone import mask

    row = asdict(message)
    return row if reveal else row | {"to_number": mask(row["to_number"])}


def _print_count(count: Any, *, as_json: bool) -> None:
    if as_json:
        json_line({"messages": count.number, "at_least": count.at_least})
    else:
        typer.echo(str(count))


def _print_list(rows: list[dict[str, Any]]) -> None:
    names = ("id", "state", "lane", "to_number", "reference", "created_at", "reason")
    table(
        ("ID", "STATE", "LANE", "TO", "REFERENCE", "CREATED (UTC)", "REASON"),
        ([format_time(row[name]) if name == "created_at" else row[name] for name in names] for row in rows),
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="messages")
