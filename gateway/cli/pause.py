"""`smsgw pause` and `smsgw resume`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.connection import actor, fail, seconds, with_database
from gateway.cli.printing import clock, line, table

SCOPES = "all, route, lane, tenant or tag"


def _scopes(incomplete: str) -> list[str]:
    """Return what the shell may complete a scope to."""
    return [word for word in ("all", "route", "lane", "tenant", "tag") if word.startswith(incomplete)]


Scope_ = Annotated[str, typer.Argument(metavar="SCOPE", help=f"What: {SCOPES}.", autocompletion=_scopes)]
Subject = Annotated[str, typer.Argument(help="Which one: its name; for a tag its key, or key=value. None for all.")]
Because = Annotated[str, typer.Option(help="Why, for whoever finds it.")]


def _scope(name: str, subject: str) -> Any:
    from gateway.operations.pause import Scope

    try:
        scope = Scope(name)
    except ValueError:
        fail(f"a scope is {SCOPES}", 2)
    if (scope is Scope.ALL) != (subject == ""):
        fail("scope all takes no name; every other scope takes one", 2)
    return scope


def pause(
    scope: Annotated[
        str,
        typer.Argument(metavar="[SCOPE]", help=f"What: {SCOPES}; without one, list pauses.", autocompletion=_scopes),
    ] = "",
    subject: Subject = "",
    because: Because = "",
    for_: Annotated[str | None, typer.Option("--for", help="Ends by itself after so long: 30m, 2h.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Hold back what has not been sent; what is in the air lands."""
    from gateway.operations import pause

    if not scope:
        _list(as_json=as_json)
        return
    kind = _scope(scope, subject)
    if not because:
        fail("--because: say why; whoever is called at night will want to know", 2)
    length = None if for_ is None else seconds("--for", for_)
    standing = with_database(
        lambda connection: pause.pause(connection, kind, subject, actor=actor(), because=because, seconds=length)
    )
    if as_json:
        line(asdict(standing))
        return
    until = f" until {clock(standing.expires_at)} UTC" if standing.expires_at is not None else ""
    typer.echo(f"paused {scope} {subject}".strip() + until)


def _list(*, as_json: bool) -> None:
    from gateway.operations import pause

    found = with_database(pause.listed)
    if as_json:
        for one in found:
            line(asdict(one))
        return
    table(
        ("SCOPE", "NAME", "SINCE (UTC)", "UNTIL (UTC)", "BY", "BECAUSE"),
        ((p.scope, p.subject, clock(p.paused_at), clock(p.expires_at), p.actor, p.reason) for p in found),
    )


def resume(scope: Scope_, subject: Subject = "", because: Because = "") -> None:
    """Let go on what was paused, by whomever."""
    from gateway.operations import pause

    kind = _scope(scope, subject)
    done = with_database(
        lambda connection: pause.resume(connection, kind, subject, actor=actor(), because=because or None)
    )
    typer.echo(f"resumed {scope} {subject}".strip() + f"; it was paused because: {done.reason}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)
