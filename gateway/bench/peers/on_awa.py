"""awa: a Rust engine with a Python handler; queue storage, rows by COPY."""

from dataclasses import dataclass
from typing import Any

import awa

from gateway.bench.peers.posting import Poster, Told, run, until_stopped

AT_ONCE = 1000
SCHEMA = "awa"


@dataclass
class Send:
    """One row."""

    content: str


async def enqueue(told: Told) -> None:
    """Create the schema and the rows."""
    client = awa.AsyncClient(told.dsn)
    await client.migrate()
    await client.install_queue_storage(schema=SCHEMA)
    jobs = [Send(one) for one in told.bodies()]
    for start in range(0, len(jobs), AT_ONCE):
        await client.enqueue_many_copy(jobs[start : start + AT_ONCE], queue="send")
    await client.close()


async def work(told: Told) -> None:
    """Default: as it comes, with the concurrency. Tuned: twenty connections and a poll of 20 ms."""
    client = awa.AsyncClient(told.dsn, max_connections=20 if told.tuned else 10)
    poster = Poster(told.url, told.concurrency)

    @client.task(Send, queue="send")
    async def send(job: Any) -> None:
        await poster.post(job.args.content)

    options: dict[str, Any] = {"poll_interval_ms": 20} if told.tuned else {}
    await client.start([("send", told.concurrency)], queue_storage_schema=SCHEMA, **options)
    await until_stopped()
    await client.shutdown()
    await poster.close()


if __name__ == "__main__":
    run(enqueue, work, fast=False)
