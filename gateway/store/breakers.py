"""The circuit breaker of a route: one row, so all replicas share its state."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.circuit_breaker import Breaker
from gateway.store.pool import Connection, Pool
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """A breaker as `status` shows it."""

    name: str
    failures: int
    opened_at: datetime | None
    retry_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


async def lock(connection: Connection, route: str) -> tuple[Breaker, float]:
    """Lock a breaker until the transaction ends; return it and the database's time."""
    row = await connection.fetchrow(query("lock_route"), route)
    if row is None:
        return Breaker(route), 0.0
    breaker = Breaker(
        name=row["name"],
        failures=row["failures"],
        opened_at=row["opened_at"],
        retry_at=row["retry_at"],
        probe=row["probe"],
        last_error=row["last_error"],
    )
    return breaker, row["now"]


async def write(connection: Connection, breaker: Breaker) -> None:
    """Store a breaker that this transaction has locked."""
    await connection.execute(
        query("update_route"),
        breaker.name,
        breaker.failures,
        breaker.opened_at,
        breaker.retry_at,
        breaker.probe,
        breaker.last_error,
    )


async def begin_probe(connection: Connection, route: str, request: UUID, seconds: float) -> None:
    """Store that this request is the probe, in the transaction that claims it."""
    breaker, now = await lock(connection, route)
    await write(connection, breaker.probe_started(request, seconds, now))


async def change(pool: Pool, route: str, how: Callable[[Breaker, float], Breaker]) -> tuple[Breaker, Breaker]:
    """Apply `how(breaker, now)` under the row's lock; return the breaker before and after."""
    async with pool.acquire() as connection:
        await connection.execute(query("create_route"), route)
        async with connection.transaction():
            before, now = await lock(connection, route)
            after = how(before, now)
            if after != before:
                await write(connection, after)
    return before, after
