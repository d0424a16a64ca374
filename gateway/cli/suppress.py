"""`smsgw suppress add`, `remove`, `list`, `import` and `sync`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import Because, Json, Reveal, phone_number
from gateway.cli.output import format_time, json_line, progress, table
from gateway.cli.session import actor, fail, settings, with_database, with_provider

group = typer.Typer(help="Suppressed numbers, to which nothing is sent.", no_args_is_help=True)

BATCH = 1000

Number = Annotated[str, typer.Argument(help="A phone number, for example +12025550123.")]


@group.command()
def add(number: Number, because: Because = "requested by the recipient") -> None:
    """Suppress a number: send no more messages to it."""
    from gateway.operations import suppression

    wanted = phone_number(number)
    new = with_database(lambda connection: suppression.add(connection, wanted, actor=actor(), because=because))
    typer.echo("suppressed" if new else "already suppressed")


@group.command()
def remove(number: Number, because: Because = "") -> None:
    """Allow sending to a number again. Only with its owner's consent: the provider keeps its own list."""
    from gateway.operations import suppression

    wanted = phone_number(number)
    if not because:
        fail("--because is required: who consented, and how", 2)
    with_database(lambda connection: suppression.remove(connection, wanted, actor=actor(), because=because))
    typer.echo("no longer suppressed")


@group.command("list")
def list_(
    above: Annotated[str, typer.Option(help="Continue above this number: the last one of the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most numbers to list.")] = 100,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List suppressed numbers."""
    from dataclasses import asdict

    from gateway.domain.phone import mask
    from gateway.store import suppressions

    rows = with_database(lambda connection: suppressions.list_numbers(connection, above=above, limit=limit))
    shown = [(row, row.number if reveal else mask(row.number)) for row in rows]
    if as_json:
        for row, number in shown:
            json_line(asdict(row) | {"number": number})
        return
    table(
        ("NUMBER", "SINCE (UTC)", "SOURCE", "REASON"),
        ((number, format_time(row.created_at), row.source, row.reason) for row, number in shown),
    )


@group.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="One number a line, or CSV with the number first; - for standard input.")
    ],
    because: Because = "imported",
) -> None:
    """Suppress every number of a file. Lines without a valid number are counted and skipped."""
    from gateway.domain.phone import normalise

    try:
        lines = sys.stdin.readlines() if str(file) == "-" else file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the file cannot be read: {type(error).__name__}")
    cells = [text.split(",")[0].split(";")[0].strip().strip('"') for text in lines if text.strip()]
    numbers = [number for cell in cells if (number := normalise(cell)) is not None]
    new = _store(numbers, source="import", reason=because)
    skipped = len(cells) - len(numbers)
    typer.echo(f"{len(numbers)} numbers, {new} of them new; {skipped} lines without a valid number")
    if skipped and not numbers:
        raise typer.Exit(1)


@group.command()
def sync() -> None:
    """Suppress every number that opted out at the provider."""
    from gateway.domain.phone import normalise

    async def read(provider: Any) -> list[str]:
        found: dict[str, None] = {}
        for page in range(100_000):
            rows = await provider.unsubscribed(page)
            new = [row for row in rows if row not in found]
            found |= dict.fromkeys(new)
            # Pages 0 and 1 may be the same; see the poller.
            if page > 0 and (not rows or (not new and page > 1)):
                break
        return list(found)

    listed = with_provider(settings(), read)
    numbers = [number for text in listed if (number := normalise(text)) is not None]
    new = _store(numbers, source="provider", reason="opted out at the provider")
    typer.echo(f"{len(numbers)} numbers at the provider, {new} of them new here")


def _store(numbers: list[str], *, source: str, reason: str) -> int:
    from gateway.store import actions, suppressions

    async def work(connection: Any) -> int:
        new = 0
        for batch in progress("suppressing", list(_batches(numbers))):
            new += await suppressions.add(connection, batch, source=source, reason=reason)
        await actions.record(
            connection, actor=actor(), action="suppress", reason=reason, detail={"numbers": new, "source": source}
        )
        return new

    return with_database(work)


def _batches(numbers: Iterable[str]) -> Iterator[list[str]]:
    every = list(dict.fromkeys(numbers))
    for start in range(0, len(every), BATCH):
        yield every[start : start + BATCH]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="suppress")
