"""procrastinate: psycopg; its guide names the worker's concurrency and the pool."""

import procrastinate

from gateway.bench.peers.posting import Poster, Told, run

AT_ONCE = 1000


def _app(told: Told) -> procrastinate.App:
    pool = {"min_size": 4, "max_size": 20} if told.tuned else {}
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=told.dsn, **pool))


async def enqueue(told: Told) -> None:
    """Create the schema and the rows."""
    app = _app(told)

    @app.task(name="send")
    async def send(content: str) -> None:
        del content

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        bodies = told.bodies()
        for start in range(0, len(bodies), AT_ONCE):
            await send.batch_defer_async(*({"content": one} for one in bodies[start : start + AT_ONCE]))


async def work(told: Told) -> None:
    """Default: a pool as it comes. Tuned: twenty connections, and finished jobs deleted at once."""
    app = _app(told)
    poster = Poster(told.url, told.concurrency)

    @app.task(name="send")
    async def send(content: str) -> None:
        await poster.post(content)

    async with app.open_async():
        await app.run_worker_async(
            concurrency=told.concurrency, delete_jobs="always" if told.tuned else "never", install_signal_handlers=True
        )
    await poster.close()


if __name__ == "__main__":
    run(enqueue, work)
