"""Numbers that must not get messages. Every claim reads them, and the sender reads them again after a slow claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.records import from_row
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One suppressed number."""

    number: str
    created_at: datetime
    source: str
    reason: str | None


async def add(connection: Connection, numbers: Sequence[str], *, source: str, reason: str) -> int:
    """Suppress numbers; return how many are new."""
    return len(await connection.fetch(query("add_suppressions"), list(numbers), source, reason))


async def remove(connection: Connection, number: str) -> bool:
    """End the suppression of a number; return whether it was suppressed."""
    return await connection.fetchval(query("delete_suppression"), number) is not None


async def list_numbers(connection: Connection, *, above: str = "", limit: int = 1000) -> list[Suppressed]:
    """Return suppressed numbers in their own order, above one of them."""
    return [from_row(Suppressed, row) for row in await connection.fetch(query("list_suppressions"), above, limit)]


async def newest(connection: Connection, *, before: datetime | None = None, limit: int = 50) -> list[Suppressed]:
    """Return suppressed numbers from before a time, newest first."""
    return [
        from_row(Suppressed, row) for row in await connection.fetch(query("list_newest_suppressions"), before, limit)
    ]


async def one(connection: Connection, number: str) -> Suppressed | None:
    """Return the suppression of a number (E.164); None if there is none."""
    row = await connection.fetchrow(query("read_suppression"), number)
    return None if row is None else from_row(Suppressed, row)


async def among(connection: Connection, numbers: Iterable[str]) -> frozenset[str]:
    """Return which of these numbers are suppressed."""
    return frozenset(row["number"] for row in await connection.fetch(query("select_suppressed"), list(numbers)))
