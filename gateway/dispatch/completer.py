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
from gateway.dispatch.result_plan import Decision, decide_result
from gateway.dispatch.sender import AnsweredAttempt
from gateway.dispatch.splitter import Splitter
from gateway.domain.observers import DispatchObserver
from gateway.domain.outcome import Answer, HeldBack, History, Outcome, Phase
from gateway.domain.status import RequestStatus
from gateway.provider.protocol import Provider
from gateway.store import claims, completions, limiter, pauses
from gateway.store.buckets import requests_bucket
from gateway.store.limiter import ReturnedToken
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
        provider: Provider,
        splitter: Splitter,
        breaker: RouteBreaker,
        observer: DispatchObserver,
        *,
        worker: str,
        window: float,
        request_limit: int,
        lease_until: Callable[[Attempt], float],
        on_written: Callable[[Sequence[Attempt]], None],
        on_work_available: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`window` and `request_limit` are the provider's. `lease_until` says when the lease of an attempt ends.

        `on_written` is called with attempts that are done: their results are written, released or dropped.
        `on_work_available` is called when a written result made work available again. It wakes the engine.
        """
        self._pool = pool
        self._provider = provider
        self._splitter = splitter
        self._breaker = breaker
        self._observer = observer
        self._worker = worker
        self._window = window
        self._request_limit = request_limit
        self._lease_until = lease_until
        self._on_written = on_written
        self._on_work_available = on_work_available
        self._rng = rng or random.Random()
        self._monotonic = monotonic
        self._clock = clock
        self._refusals = 0
        self._decided: list[Decision] = []
        self._write_alone: list[Decision] = []
        self._released: list[tuple[Attempt, HeldBack]] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def put(self, answered: AnsweredAttempt) -> None:
        """Add the result of an attempt."""
        attempt, answer = answered.attempt, answered.answer
        history = History(recipients=attempt.recipients, maybe_arrived=attempt.maybe_arrived, attempts=attempt.number)
        classification = self._provider.classify(answer, history)
        decision = decide_result(answered, classification, self._refusals, self._rng)
        self._refusals = decision.refusals
        self._observer.answered(attempt.route, decision.classification.outcome, _code(answer), answer.duration)
        self._decided.append(decision)
        self._wake.set()

    def release(self, attempt: Attempt, reason: HeldBack) -> None:
        """Add an attempt that was not made: no byte of it was sent."""
        self._released.append((attempt, reason))
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
            while self._decided or self._write_alone or self._released:
                await self._write_some()
            if self._stopping:
                return

    async def _write_some(self) -> None:
        if self._write_alone:
            batch, self._write_alone = self._write_alone[:1], self._write_alone[1:]
        else:
            batch = self._decided[:MAX_RESULTS_PER_BATCH]
            self._decided = self._decided[MAX_RESULTS_PER_BATCH:]
        released, self._released = self._released, []
        try:
            if released:
                await self._release(released)
                released = []
            if batch:
                await self._write(batch)
        except UNAVAILABLE as error:
            log.warning("results_delayed", results=len(batch), error=type(error).__name__)
            self._decided = self._still_held(batch) + self._decided
            self._released = released + self._released
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
        except REJECTED as error:
            self._isolate(batch, error)

    def _isolate(self, batch: list[Decision], error: Exception) -> None:
        """Find the result that Postgres rejects: each result is written alone, so only that one fails.

        It is dropped. Its lease ends, and the request is attempted again under the same id.
        """
        if len(batch) == 1:
            log.error("result_not_written", request_id=batch[0].attempt.request_id.hex, error=type(error).__name__)
            self._on_written([batch[0].attempt])
            return
        self._write_alone += batch

    def _still_held(self, batch: list[Decision]) -> list[Decision]:
        now = self._monotonic()
        lost = [one.attempt for one in batch if self._lease_until(one.attempt) <= now]
        if lost:
            log.warning("results_dropped", results=len(lost))
            self._observer.lease_lost(len(lost))
            self._on_written(lost)
        return [one for one in batch if one.attempt not in lost]

    async def _release(self, released: list[tuple[Attempt, HeldBack]]) -> None:
        attempts = [attempt for attempt, _ in released]
        async with self._pool.acquire() as connection:
            await limiter.return_tokens(
                connection,
                requests_bucket(self._breaker.route),
                [ReturnedToken(attempt.limiter_token, None) for attempt in attempts],
            )
            await claims.release_attempts(
                connection,
                [(attempt.request_id, attempt.claim_token, attempt.number) for attempt in attempts],
                worker=self._worker,
                reason=released[-1][1],
            )
        # To die before this delays the next probe by a lease, and loses nothing.
        await self._breaker.probe_cancelled({attempt.request_id for attempt in attempts if attempt.probe})
        self._on_written(attempts)
        self._on_work_available()

    async def _write(self, batch: list[Decision]) -> None:
        # What stops other requests is written before the results. To die between the two costs at most a second 429 or
        # 402. The other order would let a whole claim run into it.
        await self._apply_feedback(batch)
        to_split = [one for one in batch if one.split]
        async with self._pool.acquire() as connection:
            settled = await completions.finish(connection, [one.result for one in batch if not one.split])
            for one in to_split:
                settled += await self._splitter.split(connection, one.attempt, one.result)
        self._report(batch, {row.request_id: row.status for row in settled})
        self._on_written([one.attempt for one in batch])
        if to_split or any(row.status is RequestStatus.IN_FLIGHT for row in settled):
            self._on_work_available()

    async def _apply_feedback(self, batch: list[Decision]) -> None:
        """Apply what the answers say about the route: to the circuit breaker, the limiter and the pause."""
        await self._breaker.record(batch)
        await self._apply_limits(batch)
        blocked = next((one for one in batch if one.classification.outcome is Outcome.BLOCKED), None)
        if blocked is not None:
            reason = f"{blocked.classification.reason}: {blocked.classification.sentence}"
            async with self._pool.acquire() as connection:
                await pauses.pause(connection, Scope.ROUTE, blocked.attempt.route, actor=PAUSE_ACTOR, reason=reason)
            log.error("route_paused", route=blocked.attempt.route, reason=blocked.classification.reason)

    async def _apply_limits(self, batch: list[Decision]) -> None:
        """Return the tokens, stop the route after a 429, and count what other programs used.

        The token of a call without an answer is not returned here: its request may still arrive.
        """
        bucket = requests_bucket(self._breaker.route)
        returned = [
            ReturnedToken(one.attempt.limiter_token, None if one.answer.phase is Phase.NOT_SENT else one.answered_at)
            for one in batch
            if one.answer.phase in (Phase.ANSWERED, Phase.NOT_SENT)
        ]
        waits = [
            one.classification.retry_after if one.classification.retry_after is not None else self._window / 3
            for one in batch
            if one.classification.outcome is Outcome.THROTTLED
        ]
        async with self._pool.acquire() as connection:
            if waits:
                await limiter.throttle(connection, bucket, max(waits))
                log.warning("throttled", answers=len(waits), wait=round(max(waits), 3))
            await limiter.return_tokens(connection, bucket, returned)
            if (newest := self._shows_foreign_use(batch)) is not None and newest.answer.rate is not None:
                rate = newest.answer.rate
                await limiter.note_foreign_use(
                    connection,
                    bucket,
                    newest.attempt.limiter_token,
                    limit=rate.limit or self._request_limit,
                    remaining=rate.remaining or 0,
                    reset_after=min(self._window if rate.reset is None else rate.reset, 2 * self._window),
                )

    def _shows_foreign_use(self, batch: list[Decision]) -> Decision | None:
        """Return the newest answer that reports less than our own requests explain; None if there is none."""
        reports = [one for one in batch if one.answer.rate is not None and one.answer.rate.remaining is not None]
        if not reports:
            return None
        newest = max(reports, key=lambda one: one.attempt.limiter_token.taken_at)
        rate = newest.answer.rate
        assert rate is not None  # noqa: S101  of `reports`
        used = (rate.limit or self._request_limit) - (rate.remaining or 0)
        return newest if used > newest.attempt.limiter_token.spent else None

    def _report(self, batch: list[Decision], statuses: dict[object, RequestStatus]) -> None:
        wall = self._clock()
        for one in batch:
            attempt, status = one.attempt, statuses.get(one.attempt.request_id)
            if status is None:
                self._observer.lease_lost(1)
                log.warning("lease_lost", request_id=attempt.request_id.hex, outcome=one.classification.outcome.value)
                continue
            if status is RequestStatus.IN_FLIGHT:
                self._observer.retrying(one.classification.outcome)
            if not one.split:
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


def _code(answer: Answer) -> str:
    return str(answer.status) if answer.status is not None else (answer.error or "none")
