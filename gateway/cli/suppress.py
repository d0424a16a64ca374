"""`smsgw suppress add`, `remove`, `list`, `import` and `sync`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.connection import actor, fail, settings, with_database, with_provider
from gateway.cli.printing import clock, line, progress, table

group = typer.Typer(help="Numbers that nothing is sent to.", no_args_is_help=True)

BATCH = 1000

Number = Annotated[str, typer.Argument(help="A number, for example +12025550123.")]
Because = Annotated[str, typer.Option(help="Why, for the operator log.")]


def _number(text: str) -> str:
    from gateway.domain.phone import normalise

    number = normalise(text)
    if number is None:
        fail("that is no phone number; write it in E.164 form, for example +12025550123", 2)
    return number


@group.command()
def add(number: Number, because: Because = "asked not to be written to") -> None:
    """Send nothing to a number any more."""
    from gateway.store import actions, suppressions

    wanted = _number(number)

    async def work(connection: Any) -> int:
        async with connection.transaction():
            new = await suppressions.add(connection, [wanted], source="operator", reason=because)
            if new:
                await actions.record(
                    connection, actor=actor(), action="suppress", reason=because, detail={"numbers": 1}
                )
        return new

    typer.echo("suppressed" if with_database(work) else "it was suppressed already")


@group.command()
def remove(number: Number, because: Because = "") -> None:
    """Send to a number again. Only with its owner's consent: the provider keeps a list of its own."""
    from gateway.store import actions, suppressions

    wanted = _number(number)
    if not because:
        fail("--because: say who consented, and how", 2)

    async def work(connection: Any) -> bool:
        async with connection.transaction():
            gone = await suppressions.remove(connection, wanted)
            if gone:
                await actions.record(
                    connection, actor=actor(), action="unsuppress", reason=because, detail={"numbers": 1}
                )
        return gone

    if not with_database(work):
        fail("that number is not suppressed")
    typer.echo("no longer suppressed")


@group.command("list")
def list_(
    above: Annotated[str, typer.Option(help="Go on above this number: the last of the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show numbers in full.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List suppressed numbers."""
    from dataclasses import asdict

    from gateway.domain.phone import mask
    from gateway.store import suppressions

    rows = with_database(lambda connection: suppressions.list_numbers(connection, above=above, limit=limit))
    shown = [(row, row.number if reveal else mask(row.number)) for row in rows]
    if as_json:
        for row, number in shown:
            line(asdict(row) | {"number": number})
        return
    table(
        ("NUMBER", "SINCE (UTC)", "SOURCE", "REASON"),
        ((number, clock(row.created_at), row.source, row.reason) for row, number in shown),
    )


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="One number a line, or CSV, the number first; - for standard input.")],
    because: Because = "imported",
) -> None:
    """Suppress every number of a file. Lines that hold no number are counted and left out."""
    from gateway.domain.phone import normalise

    try:
        lines = sys.stdin.readlines() if str(file) == "-" else file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the file cannot be read: {type(error).__name__}")
    cells = [text.split(",")[0].split(";")[0].strip().strip('"') for text in lines if text.strip()]
    numbers = [number for cell in cells if (number := normalise(cell)) is not None]
    new = _store(numbers, source="import", reason=because)
    skipped = len(cells) - len(numbers)
    typer.echo(f"{len(numbers)} numbers, {new} of them new; {skipped} lines hold no number")
    if skipped and not numbers:
        raise typer.Exit(1)


@group.command()
def sync() -> None:
    """Take over the provider's list of those who opted out there."""
    from gateway.domain.phone import normalise

    async def read(provider: Any) -> list[str]:
        found: dict[str, None] = {}
        for page in range(100_000):
            rows = await provider.unsubscribed(page)
            new = [row for row in rows if row not in found]
            found |= dict.fromkeys(new)
            # Page 0 and page 1 may be the same one; see the poller.
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
