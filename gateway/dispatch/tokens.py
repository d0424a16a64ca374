"""Takes the tokens of a claim before its row work, and gives back afterwards what the claim did not use."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.clock import monotonic
from gateway.dispatch.budget import Budget, ClaimSettings, Limits
from gateway.provider.protocol import Provider
from gateway.store import buckets, limiter
from gateway.store.buckets import Limit, day_bucket, parts_bucket
from gateway.store.claims import MAX_COUNTED, QueueHead
from gateway.store.clock_reference import ClockReference
from gateway.store.limiter import ReturnedToken
from gateway.store.pool import Connection

MAX_AHEAD_SECONDS = 1.0
"""A claim takes tokens that return before it can commit, but none that return later than this."""

ALL_PARTS = 1e9
"""Of a sender with more waiting messages than were counted."""


class DailyLimitReached(Exception):
    """Another replica used the rest of a daily limit during this claim. The claim is rolled back; nothing is lost."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long until a queue may get its tokens, and the bucket that it waits for."""

    seconds: float
    bucket: str


class TokenTaker:
    """The limiter as one process uses it."""

    def __init__(
        self,
        provider: Provider,
        settings: ClaimSettings,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._monotonic = monotonic
        self._clock = ClockReference(monotonic=monotonic)
        self._configured: dict[str, Limit] = {}
        self._paces_from: dict[int | None, float] = {}
        """The moment at which each sender's pace gives its next token, as far as this process knows."""
        self.limits = limits

    def sender(self, head: QueueHead) -> int | None:
        """Return the sending number of a queue."""
        return self._provider.sender(head.sender)

    def split(self, ready: Sequence[QueueHead]) -> tuple[list[QueueHead], list[Wait]]:
        """Return the queues whose senders may have tokens, and the waits of the others."""
        now = self._monotonic()
        waits = {
            sender: Wait(moment - now, parts_bucket(self.limits.route, sender))
            for sender, moment in self._paces_from.items()
            if moment > now
        }
        self._paces_from = {sender: self._paces_from[sender] for sender in waits}
        senders = [self._provider.sender(head.sender) for head in ready]
        return (
            [head for head, sender in zip(ready, senders, strict=True) if sender not in waits],
            [waits[sender] for sender in senders if sender in waits],
        )

    async def take(self, connection: Connection, ready: Sequence[QueueHead], slots: int, *, ahead: float) -> Budget:
        """Take tokens for up to `slots` requests of these queues. If it dies here, the tokens return by themselves."""
        await self._configure(connection, ready)
        urgent, others = _wanted(ready)
        before = self._monotonic()
        taken = await self._take(connection, urgent, others, slots, ahead)
        if taken is None:
            # The bucket's row was deleted, so create it again.
            self._configured = {}
            await self._configure(connection, ready)
            before = self._monotonic()
            taken = await self._take(connection, urgent, others, slots, ahead)
            assert taken is not None  # noqa: S101  configured just now
        budget = Budget(self.limits.route, slots, before, self._monotonic(), taken, dict(taken.urgent), taken.others)
        if not budget.empty:
            await self._take_parts(connection, ready, budget)
        return budget

    async def spend_daily(self, connection: Connection, budget: Budget) -> None:
        """Take the daily limits' tokens in the claim's transaction. Raises `DailyLimitReached`."""
        for sender, parts in sorted(budget.parts_used.items(), key=lambda item: item[0] or 0):
            if sender in budget.days and not await limiter.spend_daily(
                connection, day_bucket(budget.route, sender), parts, bound_after=self._settings.bound_after
            ):
                raise DailyLimitReached

    async def give_back(self, connection: Connection, budget: Budget) -> None:
        """Give back what is left of a budget. If it dies here, the tokens return by themselves."""
        unused = [ReturnedToken(budget.tokens.urgent_token, None)] * sum(budget.urgent.values())
        unused += [ReturnedToken(budget.tokens.others_token, None)] * budget.others
        await limiter.return_tokens(connection, self.limits.requests.name, unused)
        await limiter.give_back_paces(
            connection, {parts_bucket(budget.route, sender): parts for sender, parts in budget.paces.items()}
        )

    def waits(self, ready: Iterable[QueueHead], budget: Budget) -> list[Wait]:
        """Return how long these queues wait for tokens; none for a queue that has them."""
        found = []
        for head in ready:
            sender = self._provider.sender(head.sender)
            wait = budget.tokens.urgent_wait if head.urgent else budget.tokens.others_wait
            if wait is not None and budget.requests_of(head.lane) <= 0:
                found.append(Wait(wait, self.limits.requests.name))
            elif sender in self._paces_from:
                found.append(Wait(self._paces_from[sender] - self._monotonic(), parts_bucket(budget.route, sender)))
            elif budget.day_left(sender) < 1:
                found.append(Wait(_DAY_POLL_SECONDS, day_bucket(budget.route, sender)))
        return found

    async def _take(
        self, connection: Connection, urgent: dict[str, int], others: int, slots: int, ahead: float
    ) -> limiter.TakenTokens | None:
        return await limiter.take(
            connection,
            self.limits.requests.name,
            urgent,
            others,
            max_tokens=slots,
            bound_after=self._settings.bound_after,
            ahead=min(ahead, MAX_AHEAD_SECONDS),
            clock=self._clock,
        )

    async def _take_parts(self, connection: Connection, ready: Sequence[QueueHead], budget: Budget) -> None:
        wanted: dict[int | None, float] = {}
        for head in ready:
            sender = self._provider.sender(head.sender)
            parts = ALL_PARTS if head.waiting >= MAX_COUNTED else float(head.waiting)
            wanted[sender] = wanted.get(sender, 0.0) + parts
        if self.limits.parts is not None:
            names = {parts_bucket(budget.route, sender): sender for sender in wanted}
            paces = await limiter.take_paces(connection, {name: wanted[sender] for name, sender in names.items()})
            for name, pace in paces.items():
                budget.paces[names[name]] = pace.parts
                if pace.parts < 1:
                    self._paces_from[names[name]] = self._monotonic() + pace.wait
        if self.limits.parts_per_day is not None:
            days = {day_bucket(budget.route, sender): sender for sender in wanted}
            states, _ = await buckets.list_buckets(connection, list(days))
            budget.days = {days[state.name]: state.tokens for state in states}

    async def _configure(self, connection: Connection, ready: Sequence[QueueHead]) -> None:
        """Store new or changed limits in their buckets, each once: another replica may have changed them since."""
        limits = {self.limits.requests.name: self.limits.requests}
        for head in ready:
            limits |= {limit.name: limit for limit in self.limits.of_sender(self._provider.sender(head.sender))}
        new = [limit for name, limit in limits.items() if self._configured.get(name) != limit]
        if new:
            await buckets.configure(connection, new)
            self._configured |= {limit.name: limit for limit in new}


_DAY_POLL_SECONDS = 60.0
"""Until a sender without parts for the day is looked at again: the day's parts come back slowly."""


def _wanted(ready: Sequence[QueueHead]) -> tuple[dict[str, int], int]:
    """Return how many requests each urgent lane and all other lanes may need."""
    urgent: dict[str, int] = {}
    others = 0
    for head in ready:
        if head.urgent:
            urgent[head.lane] = urgent.get(head.lane, 0) + head.waiting
        else:
            others += head.waiting
    return urgent, others
