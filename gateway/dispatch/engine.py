"""The dispatch loop: claim, send, complete, wait. On shutdown it drains the requests that are in flight."""

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
from gateway.domain.observers import DispatchObserver
from gateway.domain.outcome import HeldBack, Phase
from gateway.store.pool import UNAVAILABLE
from gateway.tasks import end_task

DATABASE_RETRY_SECONDS = 0.5
"""Between tries while the database is away. A refused connection costs next to nothing."""

log = structlog.get_logger(__name__)


class Engine:
    """Sends the messages of the outbox, with at most `concurrency` requests in flight."""

    def __init__(
        self,
        claimer: Claimer,
        sender: Sender,
        completer: Completer,
        leases: Leases,
        waker: Waker,
        recheck: SuppressionRecheck,
        observer: DispatchObserver,
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
        self._observer = observer
        self._concurrency = concurrency
        self._drain_timeout = drain_timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wait_until_idle = False
        self.claiming = False
        """Whether the last claim succeeded, for the readiness probe."""

    def stop(self) -> None:
        """Claim nothing more. `run` returns when nothing is in flight, or when the drain timeout is over."""
        self._stopping = True
        self._waker.wake()

    def change_limits(self, limits: Limits) -> None:
        """Use new limits from the next claim on."""
        self._claimer.change_limits(limits)
        self._waker.wake()

    async def run(self) -> None:
        """Send until stopped.

        If one of the tasks fails by a bug, everything stops with its exception. A gateway that claims but cannot
        complete would be worse than one that is restarted.
        """
        async with asyncio.TaskGroup() as group:
            completing = group.create_task(self._completer.run(), name="completer")
            renewing = group.create_task(self._leases.run(), name="leases")
            try:
                while not self._stopping:
                    await self._claim_once()
                await self._drain()
            finally:
                self._completer.stop()
                await end_task(renewing)
                await asyncio.wait([completing], timeout=self._drain_timeout)
                await end_task(completing)
                await self._waker.close()

    async def _claim_once(self) -> None:
        if self._wait_until_idle and self._tasks:
            # A request that may have killed workers is sent alone: first everything else must be completed.
            await asyncio.wait(self._tasks)
        free = self._concurrency - len(self._tasks)
        # A claim for one free slot costs as much as one for all, so wait until a quarter of the slots is free.
        if free < max(1, self._concurrency // 4):
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return
        try:
            claimed = await self._claimer.claim(free, idle=not self._tasks)
        except UNAVAILABLE as error:
            if self.claiming:
                log.warning("claim_failed", error=type(error).__name__)
            self.claiming = False
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
            return
        if not self.claiming:
            log.info("claiming")
        self.claiming = True
        self._wait_until_idle = claimed.suspects_due
        await self._start_attempts(claimed)

    async def _start_attempts(self, claimed: ClaimResult) -> None:
        for attempt in claimed.attempts:
            self._leases.hold(attempt)
            task = asyncio.create_task(self._run_attempt(attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if claimed.attempts:
            await self._waker.on_work()
        elif not self._stopping and not claimed.claim_again:
            await self._waker.wait_for_work(claimed)

    async def _run_attempt(self, attempt: Attempt) -> None:
        try:
            await self._sender.wait_for_token(attempt)
            reason = await self._recheck.block_reason(attempt) or self._sender.block_reason(
                attempt, self._leases.until(attempt)
            )
            answered = None if reason is not None else await self._sender.send(attempt, self._leases.until(attempt))
        except Exception:
            # A bug before, in or after the call. The lease ends, and the next worker treats the request as one that
            # may have arrived. That is all that is known about it.
            log.exception("attempt_crashed", request_id=attempt.request_id.hex)
            self._leases.drop([attempt])
            return
        if answered is not None and answered.answer.phase is not Phase.HELD_BACK:
            self._completer.put(answered)
            return
        reason = reason or HeldBack.LATE_CONNECTION
        self._observer.held_back(reason)
        log.info("attempt_released", request_id=attempt.request_id.hex, reason=reason.value)
        self._completer.release(attempt, reason)

    async def _drain(self) -> None:
        if self._tasks:
            log.info("draining", requests=len(self._tasks))
            _, unfinished = await asyncio.wait(self._tasks, timeout=self._drain_timeout)
            for task in unfinished:
                task.cancel()
            if unfinished:
                log.warning("drain_incomplete", requests=len(unfinished))
