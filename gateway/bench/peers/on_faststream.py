"""faststream-outbox: SQLAlchemy over asyncpg; workers, fetch size, and how many deletions go together."""

from typing import Any

from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from gateway.bench.peers.posting import Poster, Told, run, until_stopped

AT_ONCE = 1000


def _broker(told: Told) -> tuple[Any, Any, Any]:
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="outbox")
    # It needs a connection for each worker, and one to fetch.
    engine = create_async_engine(
        told.dsn.replace("postgresql://", "postgresql+asyncpg://"), pool_size=told.concurrency + 4, max_overflow=4
    )
    return OutboxBroker(engine, outbox_table=table), engine, metadata


async def enqueue(told: Told) -> None:
    """Create the schema and the rows."""
    broker, engine, metadata = _broker(told)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    bodies = told.bodies()
    for start in range(0, len(bodies), AT_ONCE):
        async with AsyncSession(engine) as session, session.begin():
            await broker.publish_batch(*bodies[start : start + AT_ONCE], queue="send", session=session)
    await engine.dispose()


async def work(told: Told) -> None:
    """Default: fetches of 10, deletions one by one. Tuned: fetches of twice the concurrency, deletions by 20."""
    broker, engine, _ = _broker(told)
    poster = Poster(told.url, told.concurrency)
    options: dict[str, Any] = (
        {"fetch_batch_size": 2 * told.concurrency, "min_fetch_interval": 0.01, "terminal_flush_batch_size": 20}
        if told.tuned
        else {}
    )

    @broker.subscriber("send", max_workers=told.concurrency, **options)
    async def send(content: str) -> None:
        await poster.post(content)

    await broker.start()
    await until_stopped()
    await broker.stop()
    await poster.close()
    await engine.dispose()


if __name__ == "__main__":
    run(enqueue, work)
