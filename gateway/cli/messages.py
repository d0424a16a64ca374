"""`smsgw messages list`, `show`, `why` and `cancel`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from gateway.cli import filtering
from gateway.cli.connection import actor, confirm, fail, settings, with_database
from gateway.cli.printing import clock, csv_lines, line, span, table

group = typer.Typer(help="Find messages, read their story, call them back.", no_args_is_help=True)

DATE = len("2026-01-31")

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")]
Id = Annotated[int, typer.Argument(metavar="ID", max=filtering.GREATEST_ID, help="The message's id.")]


@group.command("list")
def list_(
    state: filtering.States = None,
    lane: filtering.Lane = None,
    tenant: filtering.Tenant = None,
    tag: filtering.Tag = None,
    reference: filtering.Reference = None,
    number: filtering.Number = None,
    request_id: filtering.Request = None,
    since: filtering.Since = None,
    until: filtering.Until = None,
    ended_since: filtering.EndedSince = None,
    ended_until: filtering.EndedUntil = None,
    reason: filtering.Reason = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="What may need a person: uncertain, failed and such.")] = False,
    below: filtering.Below = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    count: Annotated[bool, typer.Option("--count", help="Only say how many, up to 10000.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, with a heading.")] = False,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    from gateway.operations import search

    if stuck and state:
        fail("--stuck stands for states; leave out --state", 2)
    wanted = filtering.filters(
        states=list(search.STUCK) if stuck else state, lane=lane, tenant=tenant, tag=tag, reference=reference,
        number=number, request_id=request_id, since=since, until=until, ended_since=ended_since,
        ended_until=ended_until, reason=reason,
    )  # fmt: skip
    if count:
        number_of = with_database(lambda connection: search.count(connection, wanted))
        _print_count(number_of, as_json=as_json)
        return
    page = with_database(lambda connection: search.find(connection, wanted, below=below, limit=limit, patience=20.0))
    rows = [_shown(message, reveal=reveal) for message in page.messages]
    if as_json:
        for row in rows:
            line(row)
    elif as_csv:
        csv_lines(rows, columns=[*_CSV])
    else:
        _print_list(rows)
    if page.next is not None:
        more = "there are more" if page.complete else "the search took long, and ended there"
        typer.echo(f"smsgw: {more}; go on with: --below {page.next}", err=True)


_CSV = (
    "id", "state", "lane", "tenant", "to_number", "reference", "reason", "attempts", "parts", "request_id",
    "provider_message_id", "created_at", "not_before", "expires_at", "accepted_at", "delivered_at", "final_at", "tags",
)  # fmt: skip


@group.command()
def show(message_id: Id, reveal: Reveal = False, as_json: Json = False) -> None:
    """Print one message and everything that happened to it."""
    from gateway.operations.timeline import read_timeline

    told = with_database(lambda connection: read_timeline(connection, message_id))
    if told is None:
        fail(f"there is no message {message_id}")
    message = _shown(told.message, reveal=reveal)
    if as_json:
        steps = [
            asdict(chapter.step) | {"means": chapter.meaning.means if chapter.meaning else None}
            for chapter in told.chapters
        ]
        line(message | {"timeline": steps, "meaning": None if told.meaning is None else asdict(told.meaning)})
        return
    table(
        ("MESSAGE", str(message_id)),
        ((name, clock(v) if isinstance(v, datetime) else v) for name, v in message.items() if v is not None),
    )
    typer.echo()
    happened = [chapter.step for chapter in told.chapters]
    # What happened on one day has its date in the heading, which leaves a narrow terminal room for the rest.
    days = {clock(one.at)[:DATE] for one in happened}
    heading, begin = (f"{days.pop()} (UTC)", DATE + 1) if len(days) == 1 else ("WHEN (UTC)", 0)
    table(
        (heading, "WHAT", "CODE", "TOOK", "PROVIDER'S REQUEST", "DETAIL"),
        ((clock(s.at)[begin:], s.what, s.status, span(s.duration), s.provider_request_id, s.detail) for s in happened),
    )
    if told.meaning is not None:
        typer.echo(f"\n{told.meaning.means}\nWhat to do: {told.meaning.do}")


@group.command()
def why(message_id: Id, as_json: Json = False) -> None:
    """Say what a message waits for, now, and until when."""
    from gateway.operations.why import obstacles_of as ask

    sender = settings().sender_id
    answer = with_database(lambda connection: ask(connection, message_id, default_sender=sender))
    if answer is None:
        fail(f"there is no message {message_id}")
    if as_json:
        obstacles = [asdict(obstacle) for obstacle in answer.obstacles]
        line({"id": message_id, "state": answer.message.state, "obstacles": obstacles})
        return
    typer.echo(f"message {message_id} is {answer.message.state}")
    for obstacle in answer.obstacles:
        until = f" (until {clock(obstacle.until)} UTC)" if obstacle.until is not None else ""
        typer.echo(f"- {obstacle.says}{until}")
        if obstacle.mend:
            typer.echo(f"  → {obstacle.mend}")


@group.command()
def cancel(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", max=filtering.GREATEST_ID, help="Messages; or give filters."),
    ] = None,
    state: filtering.States = None,
    lane: filtering.Lane = None,
    tenant: filtering.Tenant = None,
    tag: filtering.Tag = None,
    reference: filtering.Reference = None,
    since: filtering.Since = None,
    until: filtering.Until = None,
    because: Annotated[str, typer.Option(help="Why, for whoever looks for them.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Call messages back that have certainly not been sent."""
    wanted = filtering.filters(
        states=state, lane=lane, tenant=tenant, tag=tag, reference=reference, since=since, until=until
    )
    if not because:
        fail("--because: say why, for whoever looks for these messages", 2)
    filtered = any(value is not None for value in asdict(wanted).values())
    if bool(ids) == filtered:
        fail("name messages by their ids, or give filters: one of both", 2)
    if ids:
        _cancel_these(ids, because, as_json=as_json)
        return
    _cancel_matching(wanted, because, yes=yes, as_json=as_json)


def _cancel_these(ids: list[int], because: str, *, as_json: bool) -> None:
    from gateway.operations.cancel import cancel as call_back

    done = with_database(lambda connection: call_back(connection, ids, actor=actor(), because=because))
    if as_json:
        refused = [{"id": one, "why": why_not} for one, why_not in done.refused.items()]
        line({"cancelled": list(done.ids), "refused": refused})
    else:
        typer.echo(f"cancelled {len(done.ids)}")
    for one, why_not in done.refused.items():
        typer.echo(f"smsgw: message {one}: {why_not}", err=True)
    if done.refused:
        raise typer.Exit(1)


def _cancel_matching(wanted: Any, because: str, *, yes: bool, as_json: bool) -> None:
    from dataclasses import replace

    from gateway.operations.cancel import CANCELLABLE, cancel_matching
    from gateway.operations.search import count

    some = wanted if wanted.states is not None else replace(wanted, states=CANCELLABLE)
    number = with_database(lambda connection: count(connection, some))
    if not yes:
        confirm(f"call back {number} messages?")
    done = with_database(lambda connection: cancel_matching(connection, wanted, actor=actor(), because=because))
    if as_json:
        line({"cancelled": done})
    else:
        typer.echo(f"cancelled {done}")


def _shown(message: Any, *, reveal: bool) -> dict[str, Any]:
    from gateway.domain.phone import mask

    row = asdict(message)
    return row if reveal else row | {"to_number": mask(row["to_number"])}


def _print_count(count: Any, *, as_json: bool) -> None:
    if as_json:
        line({"messages": count.number, "at_least": count.at_least})
    else:
        typer.echo(str(count))


def _print_list(rows: list[dict[str, Any]]) -> None:
    names = ("id", "state", "lane", "to_number", "reference", "created_at", "reason")
    table(
        ("ID", "STATE", "LANE", "TO", "REFERENCE", "CREATED (UTC)", "REASON"),
        ([clock(row[name]) if name == "created_at" else row[name] for name in names] for row in rows),
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="messages")
