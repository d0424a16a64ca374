"""Output: tables for a person, one JSON object a line for a program."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import typer

T = TypeVar("T")

FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9•]+$)")
"""How a text begins that a spreadsheet takes for a formula; a phone number, masked or not, is none."""

WIDE = 10_000
"""Columns where no terminal bounds them."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; plain where no person looks."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        # Folded and not cut: an id that lost its end is of no use to anybody.
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if cell is None else visible(str(cell))) for cell in row))
    Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else WIDE).print(shown)


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


class Bar:
    """Progress of work whose steps are not known before: a bar where a person looks, nothing elsewhere."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task(self._what, total=self._total)
        return self

    def reach(self, done: int, total: int | None = None) -> None:
        """Say how much is done, and how much there is."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, description=f"{self._what} {done}")

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()


def csv_lines(rows: Iterable[dict[str, Any]], *, columns: Sequence[str]) -> None:
    """Print comma-separated values with a heading (RFC 4180); times in ISO 8601, tags as JSON.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(columns)
    for row in rows:
        out.writerow([_cell(row[column]) for column in columns])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = json.dumps(value)
    text = _plain(value)
    return f"'{text}" if isinstance(value, str) and FORMULA.match(text) else text


def span(seconds: float | None) -> str:
    """Return a length of time as a person says it: 340 ms, 12 s, 5 min, 2.5 h, 3 d."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.95 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def clock(moment: datetime | None) -> str:
    """Return a time to the millisecond, UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
