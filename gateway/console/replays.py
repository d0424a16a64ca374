"""Runs replays in the background, batch by batch, each batch with its own connection and a short transaction.

The row of `smsgw.replay` holds the state. If the process ends, the row stays where it was and the page offers to
continue. Two processes that run the same replay lock its row in turn, so no message is replayed twice.
"""

import asyncio
from contextlib import suppress

import structlog

from gateway.operations import NotPossible, replay
from gateway.store.pool import REJECTED, UNAVAILABLE, Pool

MAX_CONCURRENT = 4
MAX_FAILURES = 30
"""Consecutive attempts, one second apart, that find no database. After them the replay waits to be continued."""

log = structlog.get_logger(__name__)


class BackgroundReplays:
    """The replays that this process runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._running: dict[int, asyncio.Task[None]] = {}

    def is_running(self, replay_id: int) -> bool:
        """Whether this process runs the replay. Another replica may run it as well."""
        return replay_id in self._running

    def start(self, replay_id: int, *, actor: str) -> None:
        """Run or continue a replay in the background; raises `NotPossible` while too many run."""
        if replay_id in self._running:
            return
        if len(self._running) >= MAX_CONCURRENT:
            raise NotPossible(f"{MAX_CONCURRENT} replays are running; continue this one when one of them has finished")
        task = asyncio.create_task(self._run(replay_id, actor), name=f"replay {replay_id}")
        self._running[replay_id] = task
        task.add_done_callback(lambda _: self._running.pop(replay_id, None))

    async def close(self) -> None:
        """Cancel all. A batch that was under way is rolled back, and done again when the replay is continued."""
        for task in list(self._running.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, replay_id: int, actor: str) -> None:
        failures = 0
        while failures < MAX_FAILURES:
            try:
                async with self._pool.acquire() as connection:
                    current = await replay.step(connection, replay_id, actor=actor)
            except NotPossible:
                return
            except UNAVAILABLE as error:
                failures += 1
                log.warning("replay_waits_for_database", replay=replay_id, error=type(error).__name__)
                await asyncio.sleep(1.0)
                continue
            except REJECTED as error:
                log.error("replay_failed", replay=replay_id, error=type(error).__name__)
                return
            failures = 0
            if current.finished_at is not None:
                return
            await asyncio.sleep(replay.BATCH / replay.PER_SECOND)
