"""Writes the results of attempts in batches: a single one at once, many together while another batch is written.

There is no timer. Results that come while Postgres works on a batch form the next one. So batches grow as Postgres gets
slower, and a result waits for one batch at most. If the database is away, results stay here and are tried again until
their leases have ended. Then another worker claims the requests and gets the outcome under the same id, so the results
are dropped with a log line.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.dispatch.circuit_breaker import RouteBreaker
from gateway.dispatch.refusal_streak import RefusalStreak
from gateway.dispatch.result_plan import plan_result
from gateway.dispatch.sender import AnsweredAttempt
from gateway.dispatch.splitter import Splitter
from gateway.domain.observers import DispatchObserver
from gateway.domain.outcome import Outcome
from gateway.domain.status import RequestStatus
from gateway.store import claims, completions, limiter, pauses
from gateway.store.buckets import requests_bucket
from gateway.store.completions import AttemptResult
from gateway.store.pauses import Scope
from gateway.store.pool import REJECTED, UNAVAILABLE, Pool

MAX_RESULTS_PER_BATCH = 500

PAUSE_ACTOR = "gateway"

DATABASE_RETRY_SECONDS = 0.5
"""Between tries while the database is away."""

log = structlog.get_logger(__name__)


class Completer:
    """Writes results, and passes on what they teach: to the limiter, the circuit breaker and the route's pause."""

    def __init__(
        self,
        pool: Pool,
        splitter: Splitter,
        breaker: RouteBreaker,
        observer: DispatchObserver,
        *,
        window: float,
        on_written: Callable[[Sequence[Attempt]], None],
        on_work_available: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_written` is called with attempts that are done: their results are written, released or dropped.

        `on_work_available` is called when a written result made work available again. It wakes the engine.
        """
        self._pool = pool
        self._splitter = splitter
        self._breaker = breaker
        self._observer = observer
        self._window = window
        self._on_written = on_written
        self._on_work_available = on_work_available
        self._rng = rng or random.Random()
        self._monotonic = monotonic
        self._clock = clock
        self._refusals = RefusalStreak()
        self._answered: list[AnsweredAttempt] = []
        self._write_alone: list[AnsweredAttempt] = []
        self._released: list[Attempt] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def put(self, answered: AnsweredAttempt) -> None:
        """Add the result of an attempt."""
        self._answered.append(self._refusals.reclassify(answered))
        self._wake.set()

    def release(self, attempt: Attempt) -> None:
        """Add an attempt that was not made: no byte of it was written."""
        self._released.append(attempt)
        self._wake.set()

    def stop(self) -> None:
        """End `run` once everything that was added is written."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Write until stopped."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._answered or self._write_alone or self._released:
                await self._write_some()
            if self._stopping:
                return

    async def _write_some(self) -> None:
        if self._write_alone:
            batch, self._write_alone = self._write_alone[:1], self._write_alone[1:]
        else:
            batch = self._answered[:MAX_RESULTS_PER_BATCH]
            self._answered = self._answered[MAX_RESULTS_PER_BATCH:]
        released, self._released = self._released, []
        try:
            if released:
                await self._release(released)
                released = []
            if batch:
                await self._write(batch)
        except UNAVAILABLE as error:
            log.warning("results_delayed", results=len(batch), error=type(error).__name__)
            self._answered = self._still_held(batch) + self._answered
            self._released = released + self._released
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
        except REJECTED as error:
            self._isolate(batch, error)

    def _isolate(self, batch: list[AnsweredAttempt], error: Exception) -> None:
        """Find the result that Postgres rejects: each result is written alone, so only that one fails.

        It is dropped. Its lease ends, and the request is attempted again under the same id.
        """
        if len(batch) == 1:
            log.error("result_not_written", request_id=batch[0].attempt.request_id.hex, error=type(error).__name__)
            self._on_written([batch[0].attempt])
            return
        self._write_alone += batch

    def _still_held(self, batch: list[AnsweredAttempt]) -> list[AnsweredAttempt]:
        now = self._monotonic()
        lost = [one.attempt for one in batch if one.attempt.lease_until <= now]
        if lost:
            log.warning("results_dropped", results=len(lost))
            self._observer.lease_lost(len(lost))
            self._on_written(lost)
        return [one for one in batch if one.attempt.lease_until > now]

    async def _release(self, released: list[Attempt]) -> None:
        async with self._pool.acquire() as connection:
            await claims.release_attempts(connection, [(one.request_id, one.token, one.number) for one in released])
        # To die before this delays the next probe by a lease, and loses nothing.
        await self._breaker.probe_cancelled({one.request_id for one in released if one.probe})
        self._on_written(released)
        self._on_work_available()

    async def _write(self, batch: list[AnsweredAttempt]) -> None:
        # What stops other requests is written before the results. To die between the two costs at most a second 429 or
        # 402. The other order would let a whole claim run into it.
        await self._apply_feedback(batch)
        results = [plan_result(one.attempt, one.answer, one.classification, self._rng) for one in batch]
        to_split = [one for one, result in zip(batch, results, strict=True) if self._must_split(one, result)]
        split_ids = {one.attempt.request_id for one in to_split}
        async with self._pool.acquire() as connection:
            settled = await completions.finish(connection, [r for r in results if r.request_id not in split_ids])
            for one in to_split:
                settled += await self._splitter.split(
                    connection, one.attempt, next(r for r in results if r.request_id == one.attempt.request_id)
                )
        self._report(batch, {row.request_id: row.status for row in settled})
        self._on_written([one.attempt for one in batch])
        if to_split or any(row.status is RequestStatus.IN_FLIGHT for row in settled):
            self._on_work_available()

    @staticmethod
    def _must_split(one: AnsweredAttempt, result: AttemptResult) -> bool:
        return result.status is RequestStatus.REJECTED and one.classification.splittable and one.attempt.recipients > 1

    async def _apply_feedback(self, batch: list[AnsweredAttempt]) -> None:
        """Apply what the answers say about the route: to the circuit breaker, the limiter and the pause."""
        await self._breaker.record(batch)
        await self._apply_limits(batch)
        blocked = next((one for one in batch if one.classification.outcome is Outcome.BLOCKED), None)
        if blocked is not None:
            reason = f"{blocked.classification.reason}: {blocked.classification.sentence}"
            async with self._pool.acquire() as connection:
                await pauses.pause(connection, Scope.ROUTE, blocked.attempt.route, actor=PAUSE_ACTOR, reason=reason)
            log.error("route_paused", route=blocked.attempt.route, reason=blocked.classification.reason)

    async def _apply_limits(self, batch: list[AnsweredAttempt]) -> None:
        bucket = requests_bucket(self._breaker.route)
        waits = [
            one.classification.retry_after if one.classification.retry_after is not None else self._window / 3
            for one in batch
            if one.classification.outcome is Outcome.THROTTLED
        ]
        if waits:
            await limiter.apply_throttle(self._pool, bucket, max(waits))
            log.warning("throttled", answers=len(waits), wait=round(max(waits), 3))
            return
        low = [one.answer.rate for one in batch if one.answer.rate is not None and one.answer.rate.nearly_used_up]
        if low:
            remaining = min(rate.remaining or 0 for rate in low)
            reset = max((rate.reset or 0.0 for rate in low if rate.remaining == remaining), default=0.0)
            await limiter.apply_rate_headers(self._pool, bucket, remaining, min(reset, 2 * self._window))

    def _report(self, batch: list[AnsweredAttempt], statuses: dict[object, RequestStatus]) -> None:
        wall = self._clock()
        for one in batch:
            attempt, status = one.attempt, statuses.get(one.attempt.request_id)
            if status is None:
                self._observer.lease_lost(1)
                log.warning("lease_lost", request_id=attempt.request_id.hex, outcome=one.classification.outcome.value)
                continue
            if status is RequestStatus.IN_FLIGHT:
                self._observer.retrying(one.classification.outcome)
            self._observer.finished(
                attempt.lane,
                status,
                attempt.recipients,
                tuple(max(0.0, wall - ready) for ready in attempt.ready_at),
            )
            if one.classification.outcome is not Outcome.ACCEPTED:
                log.info(
                    "attempt_completed",
                    request_id=attempt.request_id.hex,
                    attempt=attempt.number,
                    outcome=one.classification.outcome.value,
                    status=one.answer.status,
                    reason=one.classification.reason,
                    provider_request_id=one.answer.provider_request_id,
                )
