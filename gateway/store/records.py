"""Rows as dataclasses, by the names of their columns."""

from typing import TypeVar

import asyncpg

T = TypeVar("T")


def from_row(kind: type[T], row: asyncpg.Record) -> T:
    """Return a row as a dataclass whose fields have the names of the row's columns.

    Raises `TypeError` if the row has a column without a field, or lacks one for a field without a default.
    """
    return kind(**row)
