"""The rows by which workers show that they run."""

from collections.abc import Sequence

from gateway.store.pool import Pool
from gateway.store.sql import query


async def beat(pool: Pool, worker: str, *, host: str, pid: int, version: str, components: Sequence[str]) -> None:
    """Create or refresh the row of a worker; delete the rows of workers that have been silent for an hour."""
    async with pool.acquire() as connection:
        await connection.execute(query("save_heartbeat"), worker, host, pid, version, list(components))


async def leave(pool: Pool, worker: str) -> None:
    """Delete the row of a worker that stops on purpose."""
    async with pool.acquire() as connection:
        await connection.execute(query("delete_replica"), worker)
