"""The claim: it decides what is sent now.

It scans what waits, takes tokens in a short transaction of their own, and then, in one transaction, leases requests
that are due again and puts messages into new requests with their exact bytes. No byte may be sent before that commit.
If the process dies before the commit, nothing has happened, and the tokens return by themselves. If it dies after it,
the lease ends, and another worker treats the request as one that may have arrived. If the answer to the commit is lost,
the caller gets an exception and sends nothing, and the lease ends too.

Locks are taken in this order: a bucket alone; then, in the claim's transaction, the route (only while its breaker is
open), requests, messages, shares, and daily limits last. So no two claims wait for each other.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.dispatch.batcher import Batcher
from gateway.dispatch.budget import Budget, ClaimSettings, Limits
from gateway.dispatch.circuit_breaker import RouteBreaker
from gateway.dispatch.cursors import QueueCursors
from gateway.dispatch.encoder import RequestEncoder
from gateway.dispatch.retrier import Retrier
from gateway.dispatch.scanner import QueueScanner, ScanResult
from gateway.dispatch.sweeper import Sweeper
from gateway.dispatch.tokens import DailyLimitReached, TokenTaker, Wait
from gateway.domain.observers import DispatchObserver
from gateway.provider.protocol import Provider
from gateway.store import breakers
from gateway.store.claims import Lease, QueueHead
from gateway.store.pool import UNAVAILABLE, Connection, Pool

FIRST_LOCKED_WAIT_SECONDS = 0.02
"""Until the next claim when something is due but another claim or an order key blocks it. It doubles from there."""

MAX_LOCKED_WAIT_SECONDS = 1.0

MAX_SCAN_SECONDS = 0.2
"""Time that one claim may scan while no queue is ready."""

MAX_CONTINUED_CLAIMS = 8
"""If only the senders of the scanned queues lack tokens, this many claims continue with the next queues before the
claimer waits for these tokens: queues of other senders may follow."""

UNARMED_WAIT_SECONDS = 0.05
"""For a shorter wait for tokens the doorbell is not armed: that costs inserts more than the wait costs a message."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What one claim brought."""

    attempts: list[Attempt]
    wait: float | None
    """Seconds until there may be something to do; None when nothing waits."""
    only_tokens_missing: bool = False
    """Something waits, and only tokens are missing: a new message could not be sent either."""
    suspects_due: bool = False
    """A request is due that may have killed workers. It is sent only while nothing else is in flight."""
    claim_again: bool = False
    """Some queues were not scanned yet: claim again before anything else."""


@dataclass(slots=True)
class Claim:
    """One claim while its transaction runs."""

    connection: Connection
    budget: Budget
    lease: Lease
    idle: bool
    attempts: list[Attempt]
    removed_some: bool = False
    suspects_due: bool = False


class Claimer:
    """Makes the claims of one process, one at a time."""

    def __init__(
        self,
        pool: Pool,
        provider: Provider,
        encoder: RequestEncoder,
        settings: ClaimSettings,
        limits: Limits,
        breaker: RouteBreaker,
        observer: DispatchObserver,
        *,
        cursors: QueueCursors | None = None,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._pool = pool
        self._breaker = breaker
        self._settings = settings
        self._observer = observer
        self._monotonic = monotonic
        self._tokens = TokenTaker(provider, settings, limits, monotonic=monotonic)
        self._retrier = Retrier(settings, observer)
        self._batcher = Batcher(provider, encoder, settings, observer, monotonic=monotonic)
        self._sweeper = Sweeper(observer, monotonic=monotonic)
        self._scanner = QueueScanner(breaker.route, cursors=cursors, monotonic=monotonic)
        self._cursors = self._scanner.cursors
        self._locked_claims = 0
        self._continued_claims = 0
        self._row_work_seconds = 0.0
        """From the tokens of the last claim to its commit: this far ahead the next one takes tokens."""

    @property
    def some_parked_by_order(self) -> bool:
        """Whether messages are parked behind another of their order key: a result may then make work available."""
        return self._sweeper.some_parked_by_order

    def change_limits(self, limits: Limits) -> None:
        """Use new limits from the next claim on. They are stored in the database and apply to every replica."""
        self._tokens.limits = limits

    async def claim(self, slots: int, *, idle: bool = True) -> ClaimResult:
        """Claim up to `slots` requests. It raises what the database raises; then no claim of ours is known.

        `idle` says that this process has nothing else in flight.
        """
        async with self._pool.acquire() as connection:
            await self._sweeper.sweep(connection)
            scan = await self._scan(connection)
            if not scan.ready:
                self._continued_claims = 0
                return ClaimResult([], scan.wait, claim_again=not scan.complete)
            ready, waits = self._tokens.split(scan.ready)
            if not ready or slots <= 0:
                return self._wait_for_tokens(scan, waits)
            if ready[0].route_open and (wait := await self._wait_for_probe(connection)) > 0:
                return ClaimResult([], wait, only_tokens_missing=True)
            budget = await self._tokens.take(connection, ready, slots, ahead=self._row_work_seconds)
            try:
                if budget.empty or not any(budget.may_send(self._tokens.sender(head)) for head in ready):
                    return self._wait_for_tokens(scan, waits + self._tokens.waits(ready, budget), budget)
                claim = await self._claim(connection, ready, budget, idle=idle)
            finally:
                await self._give_back(connection, budget)
        for attempt in claim.attempts:
            if attempt.messages is not None:
                self._observer.claimed(attempt.lane, attempt.recipients)
        return self._conclude(scan, claim, waits + self._tokens.waits(ready, budget))

    async def _scan(self, connection: Connection) -> ScanResult:
        """Scan until something is ready, all was seen, or it is time to release the connection."""
        until = self._monotonic() + MAX_SCAN_SECONDS
        while True:
            scan = await self._scanner.scan(connection)
            if scan.ready or scan.complete or self._monotonic() >= until:
                break
        if scan.route_failing:
            self._breaker.failing = True
        return scan

    async def _claim(self, connection: Connection, ready: Sequence[QueueHead], budget: Budget, *, idle: bool) -> Claim:
        """Do the row work in one transaction. If it raises, nothing of it happened, and nothing is sent."""
        lease = Lease(uuid4(), self._settings.lease, self._settings.worker)
        claim = Claim(connection, budget, lease, idle, [])
        try:
            async with connection.transaction():
                if ready[0].route_open and await self._begin_probe_check(claim) > 0:
                    return claim
                await self._fill(claim, ready)
                if budget.probe and claim.attempts:
                    await breakers.begin_probe(
                        connection, self._breaker.route, claim.attempts[0].request_id, self._settings.lease
                    )
                await self._tokens.spend_daily(connection, budget)
        except DailyLimitReached:
            budget.cancel()
            self._cursors.reset()
            return Claim(connection, budget, lease, idle, [])
        except BaseException:
            # The cursors and the budget belong to a claim that did not happen.
            budget.cancel()
            self._cursors.reset()
            raise
        self._row_work_seconds = self._monotonic() - budget.taken_after
        return claim

    async def _fill(self, claim: Claim, ready: Sequence[QueueHead]) -> None:
        """Claim retries and new messages: of urgent lanes first, so that no bulk retry takes a login code's token."""
        if claim.budget.probe_new_message:
            for urgent in (True, False):
                await self._batch(claim, [head for head in ready if head.urgent is urgent], urgent=urgent)
        for urgent in (True, False):
            group = [head for head in ready if head.urgent is urgent]
            retried = await self._retrier.claim(
                claim.connection, group, claim.budget, claim.lease, idle=claim.idle and not claim.attempts
            )
            claim.attempts += retried.attempts
            claim.removed_some = claim.removed_some or retried.removed_some
            claim.suspects_due = claim.suspects_due or retried.suspects_due
            if retried.isolated:
                break
            await self._batch(claim, group, urgent=urgent)

    async def _batch(self, claim: Claim, group: Sequence[QueueHead], *, urgent: bool) -> None:
        batched = await self._batcher.claim(claim.connection, group, claim.budget, claim.lease, urgent=urgent)
        claim.attempts += batched.attempts
        claim.removed_some = claim.removed_some or batched.removed_some
        self._sweeper.some_parked_by_order = self._sweeper.some_parked_by_order or batched.parked_by_order
        self._cursors.advance(batched.cursors)

    async def _give_back(self, connection: Connection, budget: Budget) -> None:
        # The claim's result stands whatever happens here: tokens that are not given back return by themselves.
        with suppress(*UNAVAILABLE):
            await self._tokens.give_back(connection, budget)

    def _conclude(self, scan: ScanResult, claim: Claim, waits: Sequence[Wait]) -> ClaimResult:
        if claim.suspects_due:
            # Only a complete scan finds the suspect again when everything else is completed.
            self._cursors.reset()
        if claim.attempts or claim.removed_some:
            self._locked_claims = self._continued_claims = 0
            self._scanner.start_pass()
            return ClaimResult(claim.attempts, 0.0, suspects_due=claim.suspects_due)
        if waits:
            return self._wait_for_tokens(scan, waits, claim.budget, suspects_due=claim.suspects_due)
        self._cursors.reset()
        locked_wait = min(MAX_LOCKED_WAIT_SECONDS, FIRST_LOCKED_WAIT_SECONDS * 2.0 ** min(self._locked_claims, 10))
        self._locked_claims += 1
        return ClaimResult([], locked_wait, suspects_due=claim.suspects_due)

    async def _wait_for_probe(self, connection: Connection) -> float:
        """Return how long the open breaker blocks all requests; at 0.0 one request may be sent, as the probe."""
        breaker, now = await breakers.lock(connection, self._breaker.route)
        return breaker.wait(now) if breaker.is_open else 0.0

    async def _begin_probe_check(self, claim: Claim) -> float:
        """Lock the breaker; limit the claim to the probe if it is still open, and return how long to wait for that."""
        breaker, now = await breakers.lock(claim.connection, self._breaker.route)
        if not breaker.is_open:
            return 0.0
        claim.budget.probe = True
        claim.budget.probe_new_message = breaker.failures % 2 == 0
        claim.budget.slots = min(claim.budget.slots, 1)
        return breaker.wait(now)

    def _wait_for_tokens(
        self, scan: ScanResult, waits: Sequence[Wait], budget: Budget | None = None, *, suspects_due: bool = False
    ) -> ClaimResult:
        """Return how long to wait for tokens.

        If only the senders of these queues lack tokens, other queues may have some. So a few claims continue with the
        queues that were not scanned yet.
        """
        first = min(waits, key=lambda wait: wait.seconds, default=Wait(FIRST_LOCKED_WAIT_SECONDS, ""))
        requests_missing = budget is not None and budget.empty
        self._continued_claims += 1
        if not scan.complete and not requests_missing and self._continued_claims % MAX_CONTINUED_CLAIMS:
            return ClaimResult([], 0.0, suspects_due=suspects_due, claim_again=True)
        self._locked_claims = 0
        if first.bucket:
            self._observer.limited(first.bucket, first.seconds)
        # While the reserve has tokens, a new login code could be sent at once, so the doorbell must be armed.
        urgent_missing = budget is not None and budget.tokens.urgent_wait is not None
        only_tokens_missing = first.seconds <= UNARMED_WAIT_SECONDS or urgent_missing
        if not (only_tokens_missing or requests_missing):
            # It may sleep for long, and a complete scan comes before that.
            self._cursors.reset()
        return ClaimResult(
            [], max(0.0, first.seconds), only_tokens_missing=only_tokens_missing, suspects_due=suspects_due
        )
