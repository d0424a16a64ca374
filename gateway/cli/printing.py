"""Output: tables for a person, one JSON object a line for a program."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import typer

T = TypeVar("T")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; plain where no person looks."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text("" if cell is None else visible(str(cell))) for cell in row))
    Console(highlight=False, soft_wrap=False).print(shown)


def visible(text: str) -> str:
    """Return a text with its control characters spelled out.

    What applications and phones wrote must not move a terminal's cursor, set its title or turn its text around.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def line(value: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    typer.echo(json.dumps(value, default=_plain))


def progress(what: str, batches: Sequence[T]) -> Iterator[T]:
    """Go through batches with a bar where a person looks, and silently elsewhere."""
    if not sys.stderr.isatty():
        yield from batches
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(batches, description=what, console=Console(stderr=True))


def clock(moment: datetime | None) -> str:
    """Return a time to the millisecond, UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
