"""Writes results in batches: a lone one at once, many together while the last batch is being written.

There is no timer. Results that come while Postgres works on a batch make up the next, so batches grow just as Postgres
gets slower, and the worst wait of a result is one batch. Results that can't be written because the database is away
stay here and are tried again until their leases have ended: then the requests belong to somebody else, who will find
out under the same id, and the results are dropped with a log line.
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

BATCH = 500
PAUSE_ACTOR = "gateway"
DATABASE_RETRY = 0.5
"""Seconds between tries while the database is away."""

log = structlog.get_logger(__name__)


class Completer:
    """The writing end of the sending side."""

    def __init__(
        self,
        pool: Pool,
        splitter: Splitter,
        breaker: RouteBreaker,
        observer: DispatchObserver,
        *,
        window: float,
        on_written: Callable[[Sequence[Attempt]], None],
        on_open: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_written` hears of every attempt that needs no more care, whether written or given up.

        `on_open` hears when something was written that may go again: a claim that sleeps has reckoned without it.
        """
        self._pool = pool
        self._splitter = splitter
        self._breaker = breaker
        self._observer = observer
        self._window = window
        self._on_written = on_written
        self._on_open = on_open
        self._rng = rng or random.Random()
        self._monotonic = monotonic
        self._clock = clock
        self._refusals = RefusalStreak()
        self._attempted: list[AnsweredAttempt] = []
        self._alone: list[AnsweredAttempt] = []
        self._released: list[Attempt] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def put(self, attempted: AnsweredAttempt) -> None:
        """Hand over the result of an attempt."""
        self._attempted.append(self._refusals.observe(attempted))
        self._wake.set()

    def release(self, attempt: Attempt) -> None:
        """Hand back a attempt of which no byte was written."""
        self._released.append(attempt)
        self._wake.set()

    def stop(self) -> None:
        """End `run` once everything handed over is written."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Write until stopped."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._attempted or self._alone or self._released:
                await self._write_some()
            if self._stopping:
                return

    async def _write_some(self) -> None:
        if self._alone:
            batch, self._alone = self._alone[:1], self._alone[1:]
        else:
            batch, self._attempted = self._attempted[:BATCH], self._attempted[BATCH:]
        released, self._released = self._released, []
        try:
            if released:
                await self._give_back(released)
                released = []
            if batch:
                await self._write(batch)
        except UNAVAILABLE as error:
            log.warning("finish_delayed", results=len(batch), error=type(error).__name__)
            self._attempted = self._still_held(batch) + self._attempted
            self._released = released + self._released
            await asyncio.sleep(DATABASE_RETRY)
        except REJECTED as error:
            self._set_apart(batch, error)

    def _set_apart(self, batch: list[AnsweredAttempt], error: Exception) -> None:
        """Find the result that Postgres will not take: by itself it fails alone, and its neighbours are written.

        Dropped, its lease ends, and the request is asked about again under the same id.
        """
        if len(batch) == 1:
            log.error("result_not_written", request_id=batch[0].attempt.request_id.hex, error=type(error).__name__)
            self._on_written([batch[0].attempt])
            return
        self._alone += batch

    def _still_held(self, batch: list[AnsweredAttempt]) -> list[AnsweredAttempt]:
        now = self._monotonic()
        lost = [one.attempt for one in batch if one.attempt.lease_until <= now]
        if lost:
            log.warning("results_dropped", results=len(lost))
            self._observer.lease_lost(len(lost))
            self._on_written(lost)
        return [one for one in batch if one.attempt.lease_until > now]

    async def _give_back(self, released: list[Attempt]) -> None:
        async with self._pool.acquire() as connection:
            await claims.release_attempts(connection, [(t.request_id, t.token, t.number) for t in released])
        # Dying before this delays the next probe by a lease, and loses nothing.
        await self._breaker.probe_cancelled({t.request_id for t in released if t.probe})
        self._on_written(released)
        self._on_open()

    async def _write(self, batch: list[AnsweredAttempt]) -> None:
        # What stops others comes before what is written of this one: dying between the two costs a second 429 or
        # 402 at the most, the other order would let a whole claim run into it.
        await self._teach(batch)
        results = [plan_result(one.attempt, one.answer, one.classification, self._rng) for one in batch]
        splits = [one for one, result in zip(batch, results, strict=True) if self._splits(one, result)]
        split_ids = {one.attempt.request_id for one in splits}
        async with self._pool.acquire() as connection:
            settled = await completions.finish(connection, [r for r in results if r.request_id not in split_ids])
            for one in splits:
                settled += await self._splitter.split(
                    connection, one.attempt, next(r for r in results if r.request_id == one.attempt.request_id)
                )
        self._report(batch, {row.request_id: row.status for row in settled})
        self._on_written([one.attempt for one in batch])
        if splits or any(row.status is RequestStatus.IN_FLIGHT for row in settled):
            self._on_open()

    @staticmethod
    def _splits(one: AnsweredAttempt, result: AttemptResult) -> bool:
        return result.status is RequestStatus.REJECTED and one.classification.splittable and one.attempt.recipients > 1

    async def _teach(self, batch: list[AnsweredAttempt]) -> None:
        await self._breaker.learn(batch)
        waits = [
            one.classification.retry_after if one.classification.retry_after is not None else self._window / 3
            for one in batch
            if one.classification.outcome is Outcome.THROTTLED
        ]
        if waits:
            await limiter.apply_throttle(self._pool, requests_bucket(self._breaker.route), max(waits))
            log.warning("throttled", answers=len(waits), wait=round(max(waits), 3))
        low = [one.answer.rate for one in batch if one.answer.rate is not None and one.answer.rate.nearly_used_up]
        if low and not waits:
            remaining = min(rate.remaining or 0 for rate in low)
            reset = max((rate.reset or 0.0 for rate in low if rate.remaining == remaining), default=0.0)
            await limiter.apply_rate_headers(
                self._pool, requests_bucket(self._breaker.route), remaining, min(reset, 2 * self._window)
            )
        blocked = next((one for one in batch if one.classification.outcome is Outcome.BLOCKED), None)
        if blocked is not None:
            reason = f"{blocked.classification.reason}: {blocked.classification.sentence}"
            async with self._pool.acquire() as connection:
                await pauses.pause(connection, Scope.ROUTE, blocked.attempt.route, actor=PAUSE_ACTOR, reason=reason)
            log.error("route_paused", route=blocked.attempt.route, reason=blocked.classification.reason)

    def _report(self, batch: list[AnsweredAttempt], states: dict[object, RequestStatus]) -> None:
        wall = self._clock()
        for one in batch:
            attempt, state = one.attempt, states.get(one.attempt.request_id)
            if state is None:
                self._observer.lease_lost(1)
                log.warning("lease_lost", request_id=attempt.request_id.hex, outcome=one.classification.outcome.value)
                continue
            if state is RequestStatus.IN_FLIGHT:
                self._observer.retrying(one.classification.outcome)
            self._observer.finished(
                attempt.lane,
                state,
                attempt.recipients,
                tuple(max(0.0, wall - ready) for ready in attempt.ready_at),
            )
            if one.classification.outcome is not Outcome.ACCEPTED:
                log.info(
                    "attempt_finished",
                    request_id=attempt.request_id.hex,
                    attempt=attempt.number,
                    outcome=one.classification.outcome.value,
                    status=one.answer.status,
                    reason=one.classification.reason,
                    provider_request_id=one.answer.provider_request_id,
                )
