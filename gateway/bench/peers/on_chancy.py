"""chancy: psycopg; an asynchronous executor, and the interval at which results are written."""

import os
from typing import Any

from chancy import Chancy, Queue, Worker, job

from gateway.bench.peers.posting import Poster, Told, run, told, until_stopped

POSTER: dict[str, Poster] = {}


@job()
async def send(*, content: str) -> None:
    """Post one row."""
    if "it" not in POSTER:
        mine = told()
        POSTER["it"] = Poster(mine.url, mine.concurrency)
    await POSTER["it"].post(content)


def _queue(given: Told) -> Any:
    return Queue(
        name="default",
        concurrency=given.concurrency,
        executor="chancy.executors.asyncex.AsyncExecutor",
        **({"polling_interval": 1, "eager_polling": True} if given.tuned else {}),
    )


async def enqueue(given: Told) -> None:
    """Create the schema and the rows."""
    async with Chancy(given.dsn) as chancy:
        await chancy.migrate()
        await chancy.declare(_queue(given))
        jobs = [send.job.with_kwargs(content=one) for one in given.bodies()]
        async for _ in chancy.push_many(jobs):
            pass


async def work(given: Told) -> None:
    """Default: polls each 5 s, results each second. Tuned: polls when a job ends, results each 50 ms."""
    options: dict[str, Any] = {"max_connection_pool_size": 20} if given.tuned else {}
    async with (
        Chancy(given.dsn, **options) as chancy,
        Worker(chancy, register_signal_handlers=False) as worker,
    ):
        if given.tuned:
            worker.send_outgoing_interval = 0.05
        await until_stopped()
        # Its own end waits for its poll; what was sent has been counted.
        os._exit(0)


if __name__ == "__main__":
    # The executor runs a loop of its own in a thread.
    run(enqueue, work, fast=False)
