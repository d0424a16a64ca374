"""The claim: one short transaction that decides what goes now, and leaves nothing to decide afterwards.

In order: lock the buckets; take up requests that are due again; bind messages to new requests with their exact bytes;
write the tokens back; commit. Only then may a byte leave. If the process dies before the commit, nothing has
happened. If it dies after it, the lease ends and another worker takes the request up as one that may have arrived.
If the answer to the commit is lost, the caller sees an exception, sends nothing, and the lease ends just the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.dispatch.batcher import Batcher
from gateway.dispatch.budget import Budget, ClaimSettings, Limits, needed, whole
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

HELD_WAIT = 0.02
"""Seconds before another look when something is due but another claim or an order key holds it; doubles from there."""

MAX_HELD_WAIT = 1.0

MAX_SCAN_TIME = 0.2
"""Seconds that a claim goes round among queues of which nothing may go yet."""

MAX_CONTINUED_SCANS = 8
"""Looks in a row that a wait for one number's tokens is put off, because queues of other numbers may wait elsewhere."""

CHEAP_SCAN = 0.02
"""Seconds of Postgres that a look may take which is repeated under the limiter's lock."""

SHORT_WAIT = 0.25
"""Seconds. For less than this the doorbell is not armed while one number's pace is awaited: arming costs inserts more
than the wait costs anybody."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What one claim brought."""

    attempts: list[Attempt]
    wait: float | None
    """Seconds until there may be something to do; None when nothing at all is waiting."""
    limited: bool = False
    """Something waits and only tokens are missing: a new message could not go either."""
    isolate: bool = False
    """A request that may be what kills workers is due, and goes only while nothing else is in the air."""
    more: bool = False
    """Queues wait that were not looked at yet: claim again before anything else."""


class Claimer:
    """Makes claims for one process, one at a time."""

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
        places: QueueCursors | None = None,
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
        self._scanner = QueueScanner(breaker.route, places=places, monotonic=monotonic)
        self._configured: dict[str, Limit] = {}
        self._fruitless = 0
        self._looked_on = 0
        self._asked_again = False

    @property
    def some_parked_by_order(self) -> bool:
        """Whether messages wait for another of their order key: then a result may be what lets them go."""
        return self._sweeper.some_parked_by_order

    def change_limits(self, limits: Limits) -> None:
        """Take new limits; they are in the database, and hold for every replica, from the next claim on."""
        self._limits = limits

    async def claim(self, slots: int, *, alone: bool = True) -> ClaimResult:
        """Claim up to `slots` requests. Raises what the database raises; then nothing was claimed that we know of.

        `alone` says that this process has nothing else in the air.
        """
        async with self._pool.acquire() as connection:
            await self._sweeper.sweep(connection)
            look = await self._look(connection)
            ready = look.ready
            if not ready:
                self._looked_on = 0
                return ClaimResult([], look.wait, more=not look.complete)
            limits = needed(self._limits, ready, self._provider)
            await self._configure(connection, limits)
            began = self._monotonic()
            try:
                async with connection.transaction():
                    claimed = await self._claim(connection, look, sorted(limits), slots, alone=alone)
            except BaseException:
                # The places where queues were left are those of a claim that did not happen.
                self._scanner.forget()
                raise
            self._batcher.learn(self._monotonic() - began)
        for attempt in claimed.attempts:
            if attempt.messages is not None:
                self._observer.claimed(attempt.lane, attempt.recipients)
        return claimed

    async def _look(self, connection: Connection) -> ScanResult:
        """ScanResult round until something may go, all was seen, or it is time to let others have the connection."""
        until = self._monotonic() + MAX_SCAN_TIME
        while True:
            look = await self._scanner.scan(connection)
            if look.ready or look.complete or self._monotonic() >= until:
                break
        if self._scanner.failing:
            self._breaker.failing = True
        return look

    async def _claim(
        self, connection: Connection, look: ScanResult, names: Sequence[str], slots: int, *, alone: bool
    ) -> ClaimResult:
        ready = look.ready
        # Before the tokens' own time, which is the database's and later: whatever is counted from here errs early.
        claimed_at = self._monotonic()
        locked, now = await buckets.lock(connection, names)
        locked = self._limits.capped(locked, ready)
        per_request = tuple(limit.name for limit in self._limits.per_request)
        tokens = min((whole(locked[name].available(now)) for name in per_request), default=slots)
        if 0 < tokens <= slots and await self._urgent_came(connection, ready):
            return ClaimResult([], 0.0, more=True)
        self._asked_again = False
        budget = Budget(now, locked, min(slots, tokens), per_request, self._limits.route)
        if ready[0].route_open:
            wait = await self._await_probe(connection, budget)
            if wait > 0:
                return ClaimResult([], wait, limited=True)
        lease = Lease(uuid4(), self._settings.lease, self._settings.worker)
        attempts: list[Attempt] = []
        moved = isolate = behind = False
        if budget.fresh:
            bound = await self._batcher.claim(connection, ready, budget, lease, claimed_at)
            attempts, moved, behind = bound.attempts, bound.moved, bound.behind
            self._scanner.left(bound.left)
        # A retry of a bulk request must not take the token of a login code: both kinds, lane by lane in urgency.
        for urgent in (True, False):
            group = [head for head in ready if head.urgent is urgent]
            again = await self._retrier.claim(
                connection, group, budget, lease, claimed_at, alone=alone and not attempts
            )
            attempts += again.attempts
            moved, isolate = moved or again.moved, isolate or again.suspects
            if again.isolated:
                break
            bound = await self._batcher.claim(connection, group, budget, lease, claimed_at)
            attempts += bound.attempts
            moved, behind = moved or bound.moved, behind or bound.behind
            self._scanner.left(bound.left)
        self._sweeper.some_parked_by_order = self._sweeper.some_parked_by_order or behind
        if budget.probe and attempts:
            await breakers.begin_probe(connection, self._route, attempts[0].request_id, self._settings.lease)
        if budget.changed:
            await buckets.write(connection, budget.written())
        return self._conclude(look, budget, attempts, moved=moved, isolate=isolate)

    def _conclude(
        self, look: ScanResult, budget: Budget, attempts: list[Attempt], *, moved: bool, isolate: bool
    ) -> ClaimResult:
        if isolate:
            # Only a whole look finds it when everything else has landed.
            self._scanner.forget()
        if attempts or moved:
            self._fruitless = self._looked_on = 0
            self._scanner.begin()
            return ClaimResult(attempts, 0.0, isolate=isolate)
        claimed = self._fruitless_claim(look, budget, isolate=isolate)
        if not claimed.limited:
            self._scanner.forget()
        return claimed

    async def _urgent_came(self, connection: Connection, ready: Sequence[QueueHead]) -> bool:
        """Return whether an urgent queue waits that the look did not see: the last tokens are not for others.

        Between the look and the lock another claim may have had the lock for long. From here on nothing that commits
        can be meant for these tokens. Asked once before a claim, or a stream of new queues would put it off for ever;
        and only where a look is cheap, because others wait for the lock meanwhile and the attempts must start in time.
        """
        if self._asked_again or max(head.took for head in ready) > CHEAP_SCAN:
            return False
        seen = {(head.lane, head.tenant, head.sender) for head in ready if head.urgent}
        self._asked_again = await self._scanner.sees_urgent(connection, besides=seen)
        return self._asked_again

    async def _await_probe(self, connection: Connection, budget: Budget) -> float:
        """Return how long the open breaker holds everything; at 0.0 one request may go, and is the probe."""
        breaker, now = await breakers.lock(connection, self._route)
        if breaker.is_open:
            wait = breaker.wait(now)
            if wait > 0:
                return wait
            budget.probe = True
            budget.fresh = breaker.failures % 2 == 0
            budget.slots = min(budget.slots, 1)
        return 0.0

    def _fruitless_claim(self, look: ScanResult, budget: Budget, *, isolate: bool) -> ClaimResult:
        """Say how long to wait: for tokens where they are what is missing, else for whoever holds what is due.

        Where only these queues lack them, others that were not looked at may not: they come first, a few looks of them.
        """
        wait, name = min(budget.wait_of(head.lane, self._provider.sender(head.sender)) for head in look.ready)
        self._looked_on += 1
        if not look.complete and budget.request_wait() <= 0 and self._looked_on % MAX_CONTINUED_SCANS:
            return ClaimResult([], 0.0, isolate=isolate, more=True)
        if wait > 0:
            self._fruitless = 0
            self._observer.limited(name, wait)
            limited = wait <= SHORT_WAIT or budget.request_wait() >= wait
            return ClaimResult([], wait, limited=limited, isolate=isolate)
        held = min(MAX_HELD_WAIT, HELD_WAIT * 2.0 ** min(self._fruitless, 10))
        self._fruitless += 1
        return ClaimResult([], held, isolate=isolate)

    async def _configure(self, connection: Connection, limits: dict[str, Limit]) -> None:
        """Bring buckets that are new or changed to their limits, each once: others may have been changed since."""
        new = [limit for name, limit in limits.items() if self._configured.get(name) != limit]
        if new:
            await buckets.configure(connection, new)
            self._configured |= {limit.name: limit for limit in new}
