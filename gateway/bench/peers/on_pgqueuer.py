"""pgqueuer: asyncpg; its guide on performance names the batch size as the lever."""

import asyncio

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from gateway.bench.peers.posting import Poster, Told, run, until_stopped

AT_ONCE = 1000


async def enqueue(told: Told) -> None:
    """Create the schema and the rows."""
    connection = await asyncpg.connect(told.dsn)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    bodies = told.bodies()
    for start in range(0, len(bodies), AT_ONCE):
        part: list[bytes | None] = [one.encode() for one in bodies[start : start + AT_ONCE]]
        await queries.enqueue(["send"] * len(part), part, [0] * len(part))
    await connection.close()


async def work(told: Told) -> None:
    """Default: batches of 10. Tuned: batches of half the concurrency, which then caps what is picked."""
    pool = await asyncpg.create_pool(told.dsn, min_size=2, max_size=10)
    queue = PgQueuer.from_asyncpg_pool(pool)
    poster = Poster(told.url, told.concurrency)

    @queue.entrypoint("send")
    async def send(job: Job) -> None:
        await poster.post((job.payload or b"").decode())

    options = (
        {"batch_size": told.concurrency, "max_concurrent_tasks": 2 * told.concurrency}
        if told.tuned
        else {"batch_size": 10, "max_concurrent_tasks": max(20, told.concurrency)}
    )
    running = asyncio.create_task(queue.run(**options))
    await until_stopped(queue.shutdown.set)
    await running
    await poster.close()
    await pool.close()


if __name__ == "__main__":
    run(enqueue, work)
