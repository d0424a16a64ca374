"""Carries replays out behind the page: batch by batch, each with a connection of its own for its short transaction.

A replay is a row of the database and this only its legs: where the process ends, the row stays where it was, and the
page offers to go on. Two that go on with the same replay take turns on its row, so no message goes twice.
"""

import asyncio
from contextlib import suppress

import structlog

from gateway.operations import replay
from gateway.operations.errors import NotPossible
from gateway.store.pool import REJECTED, UNAVAILABLE, Pool

MOST_AT_ONCE = 4
TRIES = 30
"""In a row that find no database, a second apart, before it is left to be continued by hand."""

log = structlog.get_logger(__name__)


class Replays:
    """The replays that this process carries out."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._running: dict[int, asyncio.Task[None]] = {}

    def is_running(self, replay_id: int) -> bool:
        """Whether this process is at it. Another replica may be."""
        return replay_id in self._running

    def run_in_background(self, replay_id: int, *, actor: str) -> None:
        """Go on with a replay; raises `NotPossible` while too many others run."""
        if replay_id in self._running:
            return
        if len(self._running) >= MOST_AT_ONCE:
            raise NotPossible(f"{MOST_AT_ONCE} replays are under way; continue this one when one of them is done")
        task = asyncio.create_task(self._run(replay_id, actor), name=f"replay {replay_id}")
        self._running[replay_id] = task
        task.add_done_callback(lambda _: self._running.pop(replay_id, None))

    async def close(self) -> None:
        """Stop after nothing: a batch in the air is rolled back, and done when somebody continues."""
        for task in list(self._running.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, replay_id: int, actor: str) -> None:
        tries = 0
        while tries < TRIES:
            try:
                async with self._pool.acquire() as connection:
                    at = await replay.step(connection, replay_id, actor=actor)
            except NotPossible:
                return
            except UNAVAILABLE as error:
                tries += 1
                log.warning("replay_waits_for_database", replay=replay_id, error=type(error).__name__)
                await asyncio.sleep(1.0)
                continue
            except REJECTED as error:
                log.error("replay_broke", replay=replay_id, error=type(error).__name__)
                return
            tries = 0
            if at.finished_at is not None:
                return
            await asyncio.sleep(replay.BATCH / replay.PER_SECOND)
