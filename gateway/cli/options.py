"""Options that several commands take, and how their texts are read."""

from typing import Annotated

import typer

from gateway.cli.session import fail
from gateway.operations.filters import MAX_ID, InvalidFilter, read_number
from gateway.settings import duration

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show phone numbers in full.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Because = Annotated[str, typer.Option(help="The reason, for the operator log.")]
NewTtl = Annotated[str | None, typer.Option(help="New time to live, from now: 30m, 24h.")]
MessageId = Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="The id of the message.")]
Below = Annotated[int | None, typer.Option(max=MAX_ID, help="Continue below this id: the last one of the page before.")]


def seconds(option: str, text: str) -> float:
    """Return a duration in seconds, or end the command with an error that names the option."""
    try:
        return float(duration(text))
    except ValueError as error:
        fail(f"{option}: {error}", 2)


def new_ttl_seconds(text: str | None) -> float | None:
    """Return the value of `--new-ttl` in seconds, or end the command."""
    if text is None:
        return None
    given = seconds("--new-ttl", text)
    if given <= 0:
        fail("--new-ttl must be greater than zero", 2)
    return given


def phone_number(text: str) -> str:
    """Return a number in E.164 form, or end the command."""
    try:
        return read_number(text)
    except InvalidFilter as error:
        fail(f"the number {error}", 2)
