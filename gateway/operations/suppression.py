"""Suppressed numbers. The operator log records how many were changed, never which."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from gateway.operations import NotPossible
from gateway.store import actions, suppressions
from gateway.store.pool import Connection
from gateway.store.suppressions import Suppressed

__all__ = ["Suppressed", "add", "add_many", "find", "newest", "remove"]

BATCH = 1000


async def add(connection: Connection, number: str, *, actor: str, because: str, source: str = "operator") -> bool:
    """Suppress a number (E.164); return whether it was not suppressed before."""
    return bool(await add_many(connection, [number], actor=actor, because=because, source=source))


async def add_many(
    connection: Connection,
    numbers: Iterable[str],
    *,
    actor: str,
    because: str,
    source: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Suppress numbers; return how many were not suppressed before.

    Works in batches, each with an entry in the log. If the process is killed here, finished batches stay suppressed and
    logged, and running it again does the rest. `source` is `operator`, `import` or `provider`.
    """
    new = done = 0
    for batch in _batches(numbers):
        async with connection.transaction():
            added = await suppressions.add(connection, batch, source=source, reason=because)
            if added:
                detail = {"numbers": added, "source": source}
                await actions.record(connection, actor=actor, action="suppress", reason=because, detail=detail)
        new, done = new + added, done + len(batch)
        on_progress(done)
    return new


async def remove(connection: Connection, number: str, *, actor: str, because: str) -> None:
    """Allow sending to a number again. Raises `NotPossible` without a reason, or if it was not suppressed."""
    if not because:
        raise NotPossible("because is required: who consented, and how")
    async with connection.transaction():
        if not await suppressions.remove(connection, number):
            raise NotPossible("the number is not suppressed")
        await actions.record(connection, actor=actor, action="unsuppress", reason=because, detail={"numbers": 1})


async def newest(connection: Connection, *, before: datetime | None = None, limit: int = 50) -> list[Suppressed]:
    """Return suppressed numbers, newest first, from before a time on."""
    return await suppressions.newest(connection, before=before, limit=limit)


async def find(connection: Connection, number: str) -> Suppressed | None:
    """Return when and why a number was suppressed; None if it is not."""
    return await suppressions.one(connection, number)


def _batches(numbers: Iterable[str]) -> Iterator[list[str]]:
    every = list(dict.fromkeys(numbers))
    for start in range(0, len(every), BATCH):
        yield every[start : start + BATCH]
