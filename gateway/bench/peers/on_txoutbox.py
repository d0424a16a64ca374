"""txoutbox: asyncpg; a relay over a table of its own, with or without keys."""

import asyncio

import asyncpg
from txoutbox import OutboxMessage, Relay, RelayConfig
from txoutbox.adapters.postgres import PostgresStorage

from gateway.bench.peers.posting import Poster, Told, run, until_stopped


def _storage(pool: "asyncpg.Pool[asyncpg.Record]", told: Told) -> PostgresStorage:
    if not told.tuned:
        return PostgresStorage(pool)
    # What its documentation offers to those who use no keys and keep no history.
    return PostgresStorage(pool, strict_ordering=False, delete_on_ack=True)


async def enqueue(told: Told) -> None:
    """Create the schema and the rows."""
    pool = await asyncpg.create_pool(told.dsn)
    storage = _storage(pool, told)
    await storage.create_schema()
    async with pool.acquire() as connection, connection.transaction():
        for one in told.bodies():
            await storage.insert(connection, "send", one)
    await pool.close()


async def work(told: Told) -> None:
    """Default: rounds of 50 with ten at a time. Tuned: rounds of four times the concurrency."""
    pool = await asyncpg.create_pool(told.dsn)
    poster = Poster(told.url, told.concurrency)

    async def publish(message: OutboxMessage) -> None:
        await poster.post(message.payload.decode())

    config = RelayConfig(batch_size=4 * told.concurrency, concurrency=told.concurrency) if told.tuned else RelayConfig()
    relay = Relay(_storage(pool, told), publish, config=config)
    running = asyncio.create_task(relay.run())
    await until_stopped(relay.stop)
    await running
    await poster.close()
    await pool.close()


if __name__ == "__main__":
    run(enqueue, work)
