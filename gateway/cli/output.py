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
"""The beginning of a text that a spreadsheet would run as a formula. Phone numbers, masked or not, are not matched."""

UNLIMITED_WIDTH = 10_000
"""Columns of the output that no terminal limits."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table: fitted to a terminal, unlimited elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        # Folded, not cut: an id without its end cannot be used.
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if cell is None else visible(str(cell))) for cell in row))
    Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else UNLIMITED_WIDTH).print(shown)


def visible(text: str) -> str:
    """Return a text with its control characters spelled out.

    Texts of applications and phones must not move a terminal's cursor, set its title or reverse its text.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def json_line(value: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    typer.echo(json.dumps(value, default=_plain))


def progress(what: str, batches: Sequence[T]) -> Iterator[T]:
    """Yield the batches, with a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield from batches
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(batches, description=what, console=Console(stderr=True))


class ProgressBar:
    """Progress of work of unknown length: a bar on a terminal, nothing elsewhere."""

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

    def update(self, done: int, total: int | None = None) -> None:
        """Show how much is done, and of how much."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, description=f"{self._what} {done}")

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()


def csv_table(rows: Iterable[dict[str, Any]], *, columns: Sequence[str]) -> None:
    """Print comma-separated values with a header (RFC 4180): times in ISO 8601, tags as JSON.

    A cell that a spreadsheet would run as a formula gets a leading apostrophe.
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


def format_duration(seconds: float | None) -> str:
    """Return a duration for people: 340 ms, 12 s, 5 min, 2.5 h, 3 d."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.95 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def format_time(moment: datetime | None) -> str:
    """Return a time to the millisecond, UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
