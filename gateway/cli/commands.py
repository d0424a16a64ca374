"""The tree of commands."""

from typing import Annotated

import typer

import gateway
from gateway.cli import (
    bench,
    database,
    doctor,
    lanes,
    log,
    messages,
    pause,
    receipts,
    replay,
    resolve,
    run,
    send,
    simulate,
    status,
    suppress,
    up,
    webhook,
)

app = typer.Typer(
    help="A transactional outbox for text messages.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"smsgw {gateway.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the release.")
    ] = False,
) -> None:
    """Send text messages from a Postgres outbox: at most once, never lost, and with a known outcome."""


for module in (
    up, run, database, simulate, send, status, messages, replay, resolve, pause, lanes, suppress, receipts, log, doctor
):  # fmt: skip
    module.register(app)
webhook.register_group(app)
bench.register_group(app)
