"""`smsgw pause` and `smsgw resume`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.options import Because, Json, seconds
from gateway.cli.output import format_time, json_line, table
from gateway.cli.session import actor, fail, with_database

SCOPES = "all, route, lane, tenant or tag"


def _scopes(incomplete: str) -> list[str]:
    """Return what the shell may complete a scope to."""
    return [word for word in ("all", "route", "lane", "tenant", "tag") if word.startswith(incomplete)]


Scope_ = Annotated[str, typer.Argument(metavar="SCOPE", help=f"What to resume: {SCOPES}.", autocompletion=_scopes)]
Subject = Annotated[str, typer.Argument(help="The name of the scope; for a tag KEY or KEY=VALUE; nothing for all.")]


def _scope(name: str, subject: str) -> Any:
    from gateway.operations.pause import Scope

    try:
        scope = Scope(name)
    except ValueError:
        fail(f"the scope must be {SCOPES}", 2)
    if (scope is Scope.ALL) != (subject == ""):
        fail("scope all takes no name; every other scope takes one", 2)
    return scope


def pause(
    scope: Annotated[
        str,
        typer.Argument(
            metavar="[SCOPE]", help=f"What to pause: {SCOPES}. Without a scope, list pauses.", autocompletion=_scopes
        ),
    ] = "",
    subject: Subject = "",
    because: Because = "",
    for_: Annotated[str | None, typer.Option("--for", help="End the pause after this time: 30m, 2h.")] = None,
    as_json: Json = False,
) -> None:
    """Stop sending everything or a scope. Requests in flight are finished."""
    from gateway.operations import pause

    if not scope:
        _list_pauses(as_json=as_json)
        return
    kind = _scope(scope, subject)
    if not because:
        fail("--because is required", 2)
    duration = None if for_ is None else seconds("--for", for_)
    made = with_database(
        lambda connection: pause.pause(connection, kind, subject, actor=actor(), because=because, seconds=duration)
    )
    if as_json:
        json_line(asdict(made))
        return
    until = f" until {format_time(made.expires_at)} UTC" if made.expires_at is not None else ""
    typer.echo(f"paused {scope} {subject}".strip() + until)


def _list_pauses(*, as_json: bool) -> None:
    from gateway.operations import pause

    found = with_database(pause.list_pauses)
    if as_json:
        for one in found:
            json_line(asdict(one))
        return
    table(
        ("SCOPE", "NAME", "SINCE (UTC)", "UNTIL (UTC)", "BY", "REASON"),
        ((p.scope, p.subject, format_time(p.paused_at), format_time(p.expires_at), p.actor, p.reason) for p in found),
    )


def resume(scope: Scope_, subject: Subject = "", because: Because = "") -> None:
    """Resume everything or a scope that is paused."""
    from gateway.operations import pause

    kind = _scope(scope, subject)
    done = with_database(
        lambda connection: pause.resume(connection, kind, subject, actor=actor(), because=because or None)
    )
    typer.echo(f"resumed {scope} {subject}".strip() + f"; it was paused with the reason: {done.reason}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)
