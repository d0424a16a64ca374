"""`smsgw run`: the daemon."""

from typing import Annotated

import typer

from gateway.cli.session import fail, run_async, settings


def _help() -> str:
    from gateway.settings import describe

    lines = [
        "Run the gateway until SIGTERM. Settings (environment, .env, or the TOML file named by SMSGW_CONFIG):",
        "",
    ]
    for name, default, meaning in describe():
        lines += ["\b", f"{name}{f' [{default}]' if default else ''}", f"    {meaning}", ""]
    return "\n".join(lines)


def run(
    only: Annotated[
        str, typer.Option(help="Only these components, comma-separated: dispatch, webhook, reconcile, console.")
    ] = "",
) -> None:
    """Run the gateway."""
    from gateway import logs
    from gateway.app.daemon import ComponentFailed, Daemon
    from gateway.app.startup import StartError
    from gateway.domain.components import Component

    found = settings()
    try:
        named = frozenset(Component(name.strip()) for name in only.split(",") if name.strip())
    except ValueError:
        fail(f"--only must name {', '.join(Component)}", 2)
    logs.configure(found.log_format, found.log_level)
    try:
        run_async(Daemon(found, named or frozenset(Component)).run())
    except (StartError, ComponentFailed) as error:
        fail(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=_help())(run)
