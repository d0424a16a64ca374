"""The wheel: claim, send, finish, rest; and how it comes to a halt with nothing in the air."""

import asyncio

import structlog

from gateway.dispatch.attempt import Attempt
from gateway.dispatch.budget import Limits
from gateway.dispatch.claimer import Claimer, ClaimResult
from gateway.dispatch.completer import Completer
from gateway.dispatch.leases import Leases
from gateway.dispatch.sender import Sender
from gateway.dispatch.suppression_recheck import SuppressionRecheck
from gateway.dispatch.waker import Waker
from gateway.domain.outcome import Phase
from gateway.store.pool import UNAVAILABLE

DATABASE_RETRY = 0.5
"""Seconds between tries while the database is away; a refused connection costs next to nothing."""

log = structlog.get_logger(__name__)


class Engine:
    """Sends what the outbox holds, with at most `concurrency` requests in the air."""

    def __init__(
        self,
        claimer: Claimer,
        sender: Sender,
        completer: Completer,
        leases: Leases,
        waker: Waker,
        recheck: SuppressionRecheck,
        *,
        concurrency: int,
        drain_timeout: float,
    ) -> None:
        self._claimer = claimer
        self._sender = sender
        self._completer = completer
        self._leases = leases
        self._waker = waker
        self._recheck = recheck
        self._concurrency = concurrency
        self._drain_timeout = drain_timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._isolate = False
        self.claiming = False
        """Whether the last claim went through; the readiness probe asks."""

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is in the air has landed or the drain's time is over."""
        self._stopping = True
        self._waker.wake()

    def change_limits(self, limits: Limits) -> None:
        """Take new limits from the next claim on."""
        self._claimer.change_limits(limits)
        self._waker.wake()

    async def run(self) -> None:
        """Send until stopped.

        If a part of the wheel breaks by a bug, everything stops with its exception: a gateway that claims but can't
        finish would be worse than one that is restarted.
        """
        async with asyncio.TaskGroup() as group:
            finishing = group.create_task(self._completer.run(), name="completer")
            renewing = group.create_task(self._leases.run(), name="leases")
            try:
                while not self._stopping:
                    await self._claim_once()
                await self._drain()
            finally:
                self._completer.stop()
                renewing.cancel()
                await asyncio.wait([finishing], timeout=self._drain_timeout)
                finishing.cancel()
                await self._waker.close()

    async def _claim_once(self) -> None:
        if self._isolate and self._tasks:
            # What may have killed workers goes by itself: first everything else lands.
            await asyncio.wait(self._tasks)
        free = self._concurrency - len(self._tasks)
        # A claim for one free slot costs as much as one for all, so wait until a quarter is free, or all landed.
        if free < max(1, self._concurrency // 4):
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return
        try:
            claimed = await self._claimer.claim(free, alone=not self._tasks)
        except UNAVAILABLE as error:
            if self.claiming:
                log.warning("claim_failed", error=type(error).__name__)
            self.claiming = False
            await asyncio.sleep(DATABASE_RETRY)
            return
        if not self.claiming:
            log.info("claiming")
        self.claiming = True
        self._isolate = claimed.isolate
        await self._start_attempts(claimed)

    async def _start_attempts(self, claimed: ClaimResult) -> None:
        for attempt in claimed.attempts:
            self._leases.hold(attempt)
            task = asyncio.create_task(self._run_attempt(attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if claimed.attempts:
            await self._waker.on_work()
        elif not self._stopping and not claimed.more:
            await self._waker.wait_for_work(claimed)

    async def _run_attempt(self, attempt: Attempt) -> None:
        try:
            why = await self._recheck.block_reason(attempt) or self._sender.block_reason(self._leases.current(attempt))
            attempted = None if why is not None else await self._sender.send(attempt)
        except Exception:
            # A bug on the way to the wire or back. The lease ends, and the request is taken for one that may have
            # arrived: true, as far as anybody can say.
            log.exception("attempt_broke", request_id=attempt.request_id.hex)
            self._leases.drop([attempt])
            return
        if attempted is not None and attempted.answer.phase is not Phase.HELD_BACK:
            self._completer.put(attempted)
            return
        log.info("attempt_held_back", request_id=attempt.request_id.hex, reason=why or "late")
        self._completer.release(attempt)

    async def _drain(self) -> None:
        if self._tasks:
            log.info("draining", requests=len(self._tasks))
            _, late = await asyncio.wait(self._tasks, timeout=self._drain_timeout)
            for task in late:
                task.cancel()
            if late:
                log.warning("drain_incomplete", requests=len(late))
