"""The claim: one short transaction that makes all decisions about what is sent now.

In this order it locks the buckets, leases requests that are due again, puts messages into new requests with their exact
bytes, writes the tokens back, and commits. No byte may be sent before that. If the process dies before the commit,
nothing has happened. If it dies after it, the lease ends, and another worker treats the request as one that may have
arrived. If the answer to the commit is lost, the caller gets an exception and sends nothing, and the lease ends too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.dispatch.batcher import Batcher
from gateway.dispatch.budget import Budget, ClaimSettings, Limits, limits_for, whole_tokens
from gateway.dispatch.circuit_breaker import RouteBreaker
from gateway.dispatch.cursors import QueueCursors
from gateway.dispatch.encoder import RequestEncoder
from gateway.dispatch.retrier import Retrier
from gateway.dispatch.scanner import QueueScanner, ScanResult
from gateway.dispatch.sweeper import Sweeper
from gateway.domain.observers import DispatchObserver
from gateway.provider.protocol import Provider
from gateway.store import breakers, buckets
from gateway.store.buckets import Limit
from gateway.store.claims import Lease, QueueHead
from gateway.store.pool import Connection, Pool

FIRST_LOCKED_WAIT_SECONDS = 0.02
"""Until the next claim when something is due but another claim or an order key blocks it. It doubles from there."""

MAX_LOCKED_WAIT_SECONDS = 1.0

MAX_SCAN_SECONDS = 0.2
"""Time that one claim may scan while no queue is ready."""

MAX_CONTINUED_CLAIMS = 8
"""If only the senders of the scanned queues lack tokens, this many claims continue with the next queues before the
claimer waits for these tokens: queues of other senders may follow."""

MAX_RESCAN_SECONDS = 0.02
"""A scan is repeated under the limiter's lock only if it took Postgres at most this long."""

UNARMED_WAIT_SECONDS = 0.25
"""For a shorter wait for one sender's tokens the doorbell is not armed: arming it costs inserts more than the wait
costs a message."""


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
        self._provider = provider
        self._breaker = breaker
        self._route = breaker.route
        self._settings = settings
        self._limits = limits
        self._observer = observer
        self._monotonic = monotonic
        self._retrier = Retrier(settings, observer)
        self._batcher = Batcher(provider, encoder, settings, observer, monotonic=monotonic)
        self._sweeper = Sweeper(observer, monotonic=monotonic)
        self._scanner = QueueScanner(breaker.route, cursors=cursors, monotonic=monotonic)
        self._cursors = self._scanner.cursors
        self._configured: dict[str, Limit] = {}
        self._locked_claims = 0
        self._continued_claims = 0
        self._rescanned = False

    @property
    def some_parked_by_order(self) -> bool:
        """Whether messages are parked behind another of their order key: a result may then make work available."""
        return self._sweeper.some_parked_by_order

    def change_limits(self, limits: Limits) -> None:
        """Use new limits from the next claim on. They are stored in the database and apply to every replica."""
        self._limits = limits

    async def claim(self, slots: int, *, idle: bool = True) -> ClaimResult:
        """Claim up to `slots` requests. It raises what the database raises; then no claim of ours is known.

        `idle` says that this process has nothing else in flight.
        """
        async with self._pool.acquire() as connection:
            await self._sweeper.sweep(connection)
            scan = await self._scan(connection)
            ready = scan.ready
            if not ready:
                self._continued_claims = 0
                return ClaimResult([], scan.wait, claim_again=not scan.complete)
            limits = limits_for(self._limits, ready, self._provider)
            await self._configure(connection, limits)
            began = self._monotonic()
            try:
                async with connection.transaction():
                    claimed = await self._claim(connection, scan, sorted(limits), slots, idle=idle)
            except BaseException:
                # The cursors belong to a claim that did not happen.
                self._cursors.reset()
                raise
            self._batcher.adapt_size(self._monotonic() - began)
        for attempt in claimed.attempts:
            if attempt.messages is not None:
                self._observer.claimed(attempt.lane, attempt.recipients)
        return claimed

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

    async def _claim(
        self, connection: Connection, scan: ScanResult, bucket_names: Sequence[str], slots: int, *, idle: bool
    ) -> ClaimResult:
        ready = scan.ready
        # Read before the time of the tokens, which is the database's and later. So all deadlines err on the early side.
        claimed_at = self._monotonic()
        locked, now = await buckets.lock(connection, bucket_names)
        locked = self._limits.with_lane_caps(locked, ready)
        per_request = tuple(limit.name for limit in self._limits.per_request)
        tokens = min((whole_tokens(locked[name].available(now)) for name in per_request), default=slots)
        if 0 < tokens <= slots and await self._new_urgent_queue(connection, ready):
            return ClaimResult([], 0.0, claim_again=True)
        self._rescanned = False
        budget = Budget(now, locked, min(slots, tokens), per_request, self._limits.route)
        if ready[0].route_open:
            wait = await self._await_probe(connection, budget)
            if wait > 0:
                return ClaimResult([], wait, only_tokens_missing=True)
        lease = Lease(uuid4(), self._settings.lease, self._settings.worker)
        attempts: list[Attempt] = []
        removed_some = suspects_due = parked_by_order = False
        if budget.probe_new_message:
            batched = await self._batcher.claim(connection, ready, budget, lease, claimed_at)
            attempts, removed_some, parked_by_order = batched.attempts, batched.removed_some, batched.parked_by_order
            self._cursors.advance(batched.cursors)
        # A retry of a bulk request must not take the token of a login code. So retries and new messages of urgent lanes
        # come before those of other lanes.
        for urgent in (True, False):
            group = [head for head in ready if head.urgent is urgent]
            retried = await self._retrier.claim(
                connection, group, budget, lease, claimed_at, idle=idle and not attempts
            )
            attempts += retried.attempts
            removed_some, suspects_due = removed_some or retried.removed_some, suspects_due or retried.suspects_due
            if retried.isolated:
                break
            batched = await self._batcher.claim(connection, group, budget, lease, claimed_at)
            attempts += batched.attempts
            removed_some, parked_by_order = (
                removed_some or batched.removed_some,
                parked_by_order or batched.parked_by_order,
            )
            self._cursors.advance(batched.cursors)
        self._sweeper.some_parked_by_order = self._sweeper.some_parked_by_order or parked_by_order
        if budget.probe and attempts:
            await breakers.begin_probe(connection, self._route, attempts[0].request_id, self._settings.lease)
        if budget.changed:
            await buckets.write(connection, budget.changed_buckets())
        return self._conclude(scan, budget, attempts, removed_some=removed_some, suspects_due=suspects_due)

    def _conclude(
        self, scan: ScanResult, budget: Budget, attempts: list[Attempt], *, removed_some: bool, suspects_due: bool
    ) -> ClaimResult:
        if suspects_due:
            # Only a complete scan finds the suspect again when everything else is completed.
            self._cursors.reset()
        if attempts or removed_some:
            self._locked_claims = self._continued_claims = 0
            self._scanner.start_pass()
            return ClaimResult(attempts, 0.0, suspects_due=suspects_due)
        claimed = self._nothing_claimed(scan, budget, suspects_due=suspects_due)
        if not claimed.only_tokens_missing:
            self._cursors.reset()
        return claimed

    async def _new_urgent_queue(self, connection: Connection, ready: Sequence[QueueHead]) -> bool:
        """Return whether an urgent queue is ready that the scan did not see: it must get the last tokens.

        Between the scan and the lock, another claim may have held the lock for long. From here on, nothing that commits
        has a right to these tokens. The scan is repeated once before a claim: otherwise a stream of new queues would
        delay the claim without end. And it is repeated only if it is fast, because other claims wait for the lock, and
        attempts must start in time.
        """
        if self._rescanned or max(head.scan_seconds for head in ready) > MAX_RESCAN_SECONDS:
            return False
        known = {(head.lane, head.tenant, head.sender) for head in ready if head.urgent}
        self._rescanned = await self._scanner.sees_new_urgent(connection, known=known)
        return self._rescanned

    async def _await_probe(self, connection: Connection, budget: Budget) -> float:
        """Return how long the open breaker blocks all requests; at 0.0 one request may be sent, as the probe."""
        breaker, now = await breakers.lock(connection, self._route)
        if breaker.is_open:
            wait = breaker.wait(now)
            if wait > 0:
                return wait
            budget.probe = True
            budget.probe_new_message = breaker.failures % 2 == 0
            budget.slots = min(budget.slots, 1)
        return 0.0

    def _nothing_claimed(self, scan: ScanResult, budget: Budget, *, suspects_due: bool) -> ClaimResult:
        """Return how long to wait: for tokens if they are missing, else for the transaction that locks what is due.

        If only the senders of these queues lack tokens, other queues may have some. So a few claims continue with the
        queues that were not scanned yet.
        """
        wait, bucket = min(budget.wait_of(head.lane, self._provider.sender(head.sender)) for head in scan.ready)
        self._continued_claims += 1
        if not scan.complete and budget.request_wait() <= 0 and self._continued_claims % MAX_CONTINUED_CLAIMS:
            return ClaimResult([], 0.0, suspects_due=suspects_due, claim_again=True)
        if wait > 0:
            self._locked_claims = 0
            self._observer.limited(bucket, wait)
            only_tokens_missing = wait <= UNARMED_WAIT_SECONDS or budget.request_wait() >= wait
            return ClaimResult([], wait, only_tokens_missing=only_tokens_missing, suspects_due=suspects_due)
        locked_wait = min(MAX_LOCKED_WAIT_SECONDS, FIRST_LOCKED_WAIT_SECONDS * 2.0 ** min(self._locked_claims, 10))
        self._locked_claims += 1
        return ClaimResult([], locked_wait, suspects_due=suspects_due)

    async def _configure(self, connection: Connection, limits: dict[str, Limit]) -> None:
        """Store new or changed limits in their buckets, each once: another replica may have changed them since."""
        new = [limit for name, limit in limits.items() if self._configured.get(name) != limit]
        if new:
            await buckets.configure(connection, new)
            self._configured |= {limit.name: limit for limit in new}
