"""`smsgw replay`."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.filters import filter_options
from gateway.cli.options import Because, Json, NewTtl, Yes, new_ttl_seconds
from gateway.cli.output import ProgressBar, format_time, json_line, table
from gateway.cli.session import actor, confirm, fail, with_database
from gateway.operations.filters import MAX_ID
from gateway.store.filters import Filters


@filter_options(without=("number",))
def replay(
    filters: Filters,
    new_ttl: NewTtl = None,
    allow_duplicates: Annotated[
        bool,
        typer.Option(
            "--allow-duplicates", help="Also replay messages that may reach a phone twice; requires --because."
        ),
    ] = False,
    because: Because = "",
    per_second: Annotated[
        float, typer.Option(min=1, help="Most messages that return to the queue in a second.")
    ] = 5000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    yes: Yes = False,
    resume: Annotated[int | None, typer.Option(max=MAX_ID, help="Continue this interrupted replay.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the latest replays.")] = False,
    as_json: Json = False,
) -> None:
    """Send messages again that failed, expired or are uncertain.

    First prints a plan: how many messages, their parts, and which could reach a phone twice. Then asks. The safe ones
    are replayed; the risky ones only with --allow-duplicates. At least one filter is required. Without --state or --id,
    failed, expired and uncertain messages match. Expired messages need --new-ttl.
    """
    if history:
        _print_history(as_json=as_json)
        return
    if resume is None:
        resume = _begin(
            filters, new_ttl, because, allow_duplicates=allow_duplicates, dry_run=dry_run, yes=yes, as_json=as_json
        )
    if resume is not None:
        _run(resume, per_second, as_json=as_json)


def _begin(
    filters: Filters,
    new_ttl: str | None,
    because: str,
    *,
    allow_duplicates: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int | None:
    """Plan a replay and record it; return its id, None for a dry run."""
    from gateway.operations import replay as operation

    if filters == Filters():
        fail("give at least one filter, for example --state, --lane, --reason, --since or --id", 2)
    if allow_duplicates and not because:
        fail("--because is required with --allow-duplicates", 2)
    planned = _plan(filters, new_ttl_seconds(new_ttl))
    _print_plan(planned, allow_duplicates=allow_duplicates, as_json=as_json)
    if not planned.found:
        _explain_no_match(filters.ids or ())
    if dry_run:
        return None
    messages = planned.safe.messages + (planned.risky.messages if allow_duplicates else 0)
    if not messages:
        fail("nothing to replay" + _hint(planned, allow_duplicates=allow_duplicates))
    if not yes:
        confirm(f"replay {messages} messages?")
    begun = with_database(
        lambda connection: operation.begin(
            connection, planned, actor=actor(), because=because or None, allow_duplicates=allow_duplicates
        )
    )
    return int(begun.id)


def _plan(filters: Filters, new_ttl: float | None) -> Any:
    from gateway.operations import replay as operation

    with ProgressBar("planning", None) as bar:
        return with_database(
            lambda connection: operation.plan(connection, filters, new_ttl=new_ttl, on_progress=bar.update)
        )


def _explain_no_match(ids: tuple[int, ...]) -> None:
    """Print why nothing matches: for ids, the state of each message."""
    from gateway.operations.search import get_message

    if not ids:
        typer.echo("smsgw: no message matches", err=True)

    async def work(connection: Any) -> list[str]:
        found = [(message_id, await get_message(connection, message_id)) for message_id in ids]
        return [f"there is no message {n}" if m is None else f"message {n} is {m.state}" for n, m in found]

    for text in with_database(work):
        typer.echo(f"smsgw: {text}", err=True)


def _run(replay_id: int, per_second: float, *, as_json: bool) -> None:
    from gateway.operations import replay as operation

    bar = ProgressBar("replaying", None)

    def show_progress(at: Any) -> None:
        bar.update(at.done, at.planned)

    try:
        with bar:
            done = with_database(
                lambda connection: operation.run(
                    connection, replay_id, actor=actor(), per_second=per_second, on_progress=show_progress
                )
            )
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail(f"interrupted; finished batches stay replayed. To continue: smsgw replay --resume {replay_id}")
    if as_json:
        json_line({"what": "done", **asdict(done)})
        return
    counts = [
        f"{count} {what}"
        for count, what in (
            (done.replayed, "queued again"),
            (done.same_id, "retried under their request id"),
            (done.resent, "sent a second time"),
            (done.left_out, "left out"),
        )
        if count
    ]
    typer.echo(f"replay {done.id}: {', '.join(counts) or 'nothing was left to replay'}")


def _print_plan(planned: Any, *, allow_duplicates: bool, as_json: bool) -> None:
    from gateway.operations.replay import ReplayCount, Step

    if as_json:
        steps = {step.value: asdict(count) for step, count in planned.steps.items()}
        json_line({
            "what": "plan", "found": planned.found, "safe": asdict(planned.safe), "risky": asdict(planned.risky),
            "left_out": asdict(planned.left_out), "also_affected": planned.also_affected, "steps": steps,
        })  # fmt: skip
        return
    meanings = {
        Step.RELEASE: "safe: certainly not sent",
        Step.REPEAT: "safe: same request id, which the provider still remembers",
        Step.RESEND: "RISKY: may reach a phone twice"
        + ("" if allow_duplicates else "; left out without --allow-duplicates"),
        Step.EXPIRED: "left out: expired; --new-ttl gives a new time to live",
        Step.IN_PROGRESS: "left out: being sent, or accepted",
        Step.DELIVERED: "left out: delivered",
    }
    rows = [(planned.steps.get(step, ReplayCount()), meaning) for step, meaning in meanings.items()]
    if planned.found:
        table(("MESSAGES", "PARTS", "WHAT"), ((c.messages, c.parts, meaning) for c, meaning in rows if c.messages))
    if planned.also_affected:
        typer.echo(f"{planned.also_affected} other messages share these requests and are retried with them")


def _hint(planned: Any, *, allow_duplicates: bool) -> str:
    from gateway.operations.replay import Step

    if planned.risky.messages and not allow_duplicates:
        return "; the messages found may reach a phone twice (--allow-duplicates)"
    if Step.EXPIRED in planned.steps:
        return "; the messages found are expired (--new-ttl)"
    return ""


def _print_history(*, as_json: bool) -> None:
    from gateway.operations import replay as operation

    replays = with_database(operation.latest)
    if as_json:
        for one in replays:
            json_line(asdict(one))
        return
    table(
        ("REPLAY", "BEGUN (UTC)", "BY", "PLANNED", "DONE", "LEFT OUT", "STATUS", "REASON"),
        ((r.id, format_time(r.made_at), r.actor, r.planned, r.done, r.left_out, _status(r), r.reason) for r in replays),
    )


def _status(one: Any) -> str:
    if one.finished_at is not None:
        return "finished"
    return "stopped" if one.stopped else f"interrupted: --resume {one.id}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)
