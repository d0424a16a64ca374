"""`smsgw pause` and `smsgw resume`."""

from typing import Annotated, Any

import typer

from gateway.cli.connection import actor, fail, seconds, with_database

SCOPES = "all, route, lane, tenant or tag"

Scope_ = Annotated[str, typer.Argument(metavar="SCOPE", help=f"What: {SCOPES}.")]
Subject = Annotated[str, typer.Argument(help="Which one: its name; for a tag its key, or key=value. None for all.")]
Because = Annotated[str, typer.Option(help="Why, for whoever finds it.")]


def _scope(name: str, subject: str) -> Any:
    from gateway.store.pauses import Scope

    try:
        scope = Scope(name)
    except ValueError:
        fail(f"a scope is {SCOPES}", 2)
    if (scope is Scope.ALL) != (subject == ""):
        fail("scope all takes no name; every other scope takes one", 2)
    return scope


def pause(
    scope: Scope_,
    subject: Subject = "",
    because: Because = "",
    for_: Annotated[str | None, typer.Option("--for", help="Ends by itself after so long: 30m, 2h.")] = None,
) -> None:
    """Hold back what has not been sent; what is in the air lands."""
    from gateway.store import actions, pauses

    kind = _scope(scope, subject)
    if not because:
        fail("--because: say why; whoever is called at night will want to know", 2)
    length = None if for_ is None else seconds("--for", for_)

    async def work(connection: Any) -> None:
        async with connection.transaction():
            await pauses.pause(connection, kind, subject, actor=actor(), reason=because, seconds=length)
            await actions.record(
                connection, actor=actor(), action="pause", reason=because, detail={"scope": scope, "subject": subject}
            )

    with_database(work)
    typer.echo(f"paused {scope} {subject}".strip())


def resume(scope: Scope_, subject: Subject = "", because: Because = "") -> None:
    """Let go on what was paused, by whomever."""
    from gateway.store import actions, pauses

    kind = _scope(scope, subject)

    async def work(connection: Any) -> str | None:
        async with connection.transaction():
            reason = await pauses.resume(connection, kind, subject)
            if reason is not None:
                await actions.record(
                    connection,
                    actor=actor(),
                    action="resume",
                    reason=because or None,
                    detail={"scope": scope, "subject": subject, "paused_because": reason},
                )
        return reason

    reason = with_database(work)
    if reason is None:
        fail(f"{scope} {subject} is not paused".replace("  ", " "))
    typer.echo(f"resumed {scope} {subject}".strip() + f"; it was paused because: {reason}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)
