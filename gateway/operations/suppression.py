"""Numbers that nothing is sent to. The log says how many were changed, and never which."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from gateway.operations.errors import NotPossible
from gateway.store import actions, suppressions
from gateway.store.pool import Connection
from gateway.store.suppressions import Suppressed

__all__ = ["Suppressed", "add", "add_many", "find", "listed", "newest", "remove"]

BATCH = 1000


async def add(connection: Connection, number: str, *, actor: str, because: str, source: str = "operator") -> bool:
    """Send nothing to a number (E.164) any more; return whether that is new."""
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
    """Send nothing to these numbers any more; return how many are new.

    In batches, each with its own line in the log: killed in here, what was suppressed stays so and is on record, and
    asking again does the rest. `source` is `operator`, `import` or `provider`.
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
    """Send to a number again; raises `NotPossible` without a reason, or when it was not suppressed."""
    if not because:
        raise NotPossible("say who consented, and how")
    async with connection.transaction():
        if not await suppressions.remove(connection, number):
            raise NotPossible("that number is not suppressed")
        await actions.record(connection, actor=actor, action="unsuppress", reason=because, detail={"numbers": 1})


async def listed(connection: Connection, *, above: str = "", limit: int = 100) -> list[Suppressed]:
    """Return suppressed numbers in their own order, above one of them."""
    return await suppressions.list_numbers(connection, above=above, limit=limit)


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
