"""`smsgw replay` and `smsgw resolve`."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli import filtering
from gateway.cli.connection import actor, confirm, fail, seconds, with_database
from gateway.cli.printing import Bar, clock, line, table

Because = Annotated[str, typer.Option(help="Why, for the operator log.")]
NewTtl = Annotated[str | None, typer.Option(help="Give a new time to live from now on: 30m, 24h.")]


def replay(
    state: filtering.States = None,
    lane: filtering.Lane = None,
    tenant: filtering.Tenant = None,
    tag: filtering.Tag = None,
    reference: filtering.Reference = None,
    request_id: filtering.Request = None,
    since: filtering.Since = None,
    until: filtering.Until = None,
    ended_since: filtering.EndedSince = None,
    ended_until: filtering.EndedUntil = None,
    reason: filtering.Reason = None,
    ids: filtering.Ids = None,
    new_ttl: NewTtl = None,
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Replay also what may reach a phone twice; needs --because.")
    ] = False,
    because: Because = "",
    per_second: Annotated[float, typer.Option(min=1, help="Put back at most so many messages a second.")] = 5000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    resume: Annotated[
        int | None, typer.Option(max=filtering.GREATEST_ID, help="Go on with this replay, which was interrupted.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="List the replays that were begun.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Send again what failed, expired or is uncertain: the safe part by itself, the risky part only where allowed.

    First says how many, their parts, and which of them could reach a phone twice; then asks. A filter is needed;
    without --state it means failed, expired and uncertain messages. A time to live is never reset but by --new-ttl.
    """
    if history:
        _history(as_json=as_json)
        return
    if resume is not None:
        _carry_out(resume, per_second, as_json=as_json)
        return
    wanted = filtering.filters(
        states=state, lane=lane, tenant=tenant, tag=tag, reference=reference, request_id=request_id, since=since,
        until=until, ended_since=ended_since, ended_until=ended_until, reason=reason, ids=ids,
    )  # fmt: skip
    if not any(value is not None for value in asdict(wanted).values()):
        fail("say which messages: by a state, a lane, a reason, a time, or their ids", 2)
    if allow_duplicates and not because:
        fail("--because: say why a second copy is better than none", 2)
    ttl = _ttl(new_ttl)
    planned = _plan(wanted, ttl)
    _print_plan(planned, allow_duplicates=allow_duplicates, as_json=as_json)
    if not planned.found:
        _say_why_none(ids or [])
    going = planned.safe.messages + (planned.risky.messages if allow_duplicates else 0)
    if dry_run:
        return
    if not going:
        fail("there is nothing to replay" + _hint(planned, allow_duplicates=allow_duplicates))
    if not yes:
        confirm(f"replay {going} messages?")
    replay_id = _begin(planned, because, allow_duplicates=allow_duplicates)
    _carry_out(replay_id, per_second, as_json=as_json)


def _ttl(text: str | None) -> float | None:
    if text is None:
        return None
    given = seconds("--new-ttl", text)
    if given <= 0:
        fail("--new-ttl: a time to live is longer than nothing", 2)
    return given


def _say_why_none(ids: list[int]) -> None:
    """Say what became of messages that were named and are not to be replayed."""
    from gateway.operations.search import one

    if not ids:
        typer.echo("smsgw: nothing matches", err=True)

    async def work(connection: Any) -> list[str]:
        found = [(message_id, await one(connection, message_id)) for message_id in ids]
        return [f"there is no message {n}" if m is None else f"message {n} is {m.state}" for n, m in found]

    for says in with_database(work):
        typer.echo(f"smsgw: {says}", err=True)


def _plan(wanted: Any, ttl: float | None) -> Any:
    from gateway.operations import replay as operation

    with Bar("looking", None) as bar:
        return with_database(lambda connection: operation.plan(connection, wanted, new_ttl=ttl, on_progress=bar.reach))


def _begin(planned: Any, because: str, *, allow_duplicates: bool) -> int:
    from gateway.operations import replay as operation

    begun = with_database(
        lambda connection: operation.begin(
            connection, planned, actor=actor(), because=because or None, allow_duplicates=allow_duplicates
        )
    )
    return int(begun.id)


def _carry_out(replay_id: int, per_second: float, *, as_json: bool) -> None:
    from gateway.operations import replay as operation

    bar = Bar("replaying", None)

    def progress(at: Any) -> None:
        bar.reach(at.done, at.planned)

    try:
        with bar:
            done = with_database(
                lambda connection: operation.run(
                    connection, replay_id, actor=actor(), per_second=per_second, on_progress=progress
                )
            )
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail(f"interrupted; what was replayed stays so. Go on with: smsgw replay --resume {replay_id}")
    if as_json:
        line({"what": "done", **asdict(done)})
        return
    parts = [
        f"{count} {what}"
        for count, what in (
            (done.replayed, "put back"),
            (done.same_id, "asked again under their request id"),
            (done.resent, "sent a second time"),
            (done.left_out, "left out"),
        )
        if count
    ]
    typer.echo(f"replay {done.id}: {', '.join(parts) or 'nothing was left to do'}")


def _print_plan(planned: Any, *, allow_duplicates: bool, as_json: bool) -> None:
    from gateway.operations.replay import ReplayCount, Step

    if as_json:
        steps = {step.value: asdict(tally) for step, tally in planned.steps.items()}
        line({
            "what": "plan", "found": planned.found, "safe": asdict(planned.safe), "risky": asdict(planned.risky),
            "left_out": asdict(planned.left_out), "also_affected": planned.also_affected, "steps": steps,
        })  # fmt: skip
        return
    meanings = {
        Step.RELEASE: "safe: certainly not sent",
        Step.REPEAT: "safe: the same request id, which the provider still remembers",
        Step.RESEND: "RISKY: may reach a phone twice"
        + ("" if allow_duplicates else "; left out without --allow-duplicates --because"),
        Step.OVER: "left out: the time to live is over; --new-ttl gives a new one",
        Step.OPEN: "left out: on its way already",
        Step.DONE: "left out: delivered",
    }
    rows = [(planned.steps.get(step, ReplayCount()), meaning) for step, meaning in meanings.items()]
    if planned.found:
        table(("MESSAGES", "PARTS", "WHAT"), ((t.messages, t.parts, meaning) for t, meaning in rows if t.messages))
    if planned.also_affected:
        typer.echo(f"{planned.also_affected} other messages share these requests and go along")


def _hint(planned: Any, *, allow_duplicates: bool) -> str:
    from gateway.operations.replay import Step

    if planned.risky.messages and not allow_duplicates:
        return "; what was found may reach a phone twice (--allow-duplicates)"
    if Step.OVER in planned.steps:
        return "; the time of what was found is over (--new-ttl)"
    return ""


def _history(*, as_json: bool) -> None:
    from gateway.operations import replay as operation

    found = with_database(operation.latest)
    if as_json:
        for one in found:
            line(asdict(one))
        return
    table(
        ("REPLAY", "BEGUN (UTC)", "BY", "PLANNED", "DONE", "LEFT OUT", "STANDS", "BECAUSE"),
        ((o.id, clock(o.made_at), o.actor, o.planned, o.done, o.left_out, _standing(o), o.reason) for o in found),
    )


def _standing(one: Any) -> str:
    if one.finished_at is not None:
        return "finished"
    return "stopped" if one.stopped else f"interrupted: --resume {one.id}"


def resolve(
    message_id: Annotated[int, typer.Argument(metavar="ID", max=filtering.GREATEST_ID, help="An uncertain message.")],
    how: Annotated[str, typer.Option("--as", help="accepted, failed or resend.")],
    because: Because = "",
    new_ttl: NewTtl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Settle an uncertain message, and with it every message of its request: it arrived as one, or not at all."""
    from gateway.operations.resolve import As
    from gateway.operations.resolve import resolve as settle
    from gateway.operations.search import one

    try:
        chosen = As(how)
    except ValueError:
        fail("--as is accepted, failed or resend", 2)
    if not because:
        fail("--because: say what you found out, and where", 2)
    ttl = _ttl(new_ttl)
    if with_database(lambda connection: one(connection, message_id)) is None:
        fail(f"there is no message {message_id}")
    if not yes:
        warning = " This may reach phones twice." if chosen is As.RESEND else ""
        confirm(f"call the request of message {message_id}, with all its messages, {chosen.value}?{warning}")
    done = with_database(
        lambda connection: settle(connection, message_id, chosen, actor=actor(), because=because, new_ttl=ttl)
    )
    if as_json:
        line(asdict(done))
    else:
        verb = {"accepted": "accepted", "failed": "failed", "resend": "going again"}[chosen.value]
        typer.echo(f"{len(done.messages)} messages are {verb}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(replay)
    app.command()(resolve)
