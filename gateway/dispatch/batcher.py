"""The part of a claim that binds waiting messages to new requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt, deadline
from gateway.dispatch.budget import Budget, ClaimSettings
from gateway.dispatch.encoder import Batch, RequestEncoder, SenderAllowance, select_messages
from gateway.domain.fair_share import Allocation, Queue, allocate, floor_pass_value
from gateway.domain.message import Message
from gateway.domain.observers import DispatchObserver
from gateway.domain.reasons import NOT_ENCODABLE, SUPPRESSED, ReasonCode
from gateway.provider.protocol import Provider
from gateway.store import claims
from gateway.store.claims import Cursor, Key, Lease, NewRequest, QueueHead, TerminalStatus, WaitingMessage, Wanted
from gateway.store.pool import Connection

MOST_AT_ONCE = 5000
"""Messages read by one claim: bounds its memory, and how long it holds the limiter's lock."""

SLOW_CLAIM = 0.4
"""Of the time within which an attempt must go on the wire, what a claim may use before the next one takes less."""

Heads = dict[Key, QueueHead]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What the binder did."""

    attempts: list[Attempt]
    moved: bool = False
    """Messages went out of the way without being sent: there may be others behind them."""
    behind: bool = False
    """Some of them are behind another of their order key."""
    left: Mapping[Key, Cursor | None] = field(default_factory=dict)
    """Where each queue was left; None for one that gave less than it was asked for."""


class Batcher:
    """Makes new requests inside the claim's transaction."""

    def __init__(
        self,
        provider: Provider,
        encoder: RequestEncoder,
        settings: ClaimSettings,
        observer: DispatchObserver,
        *,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._provider = provider
        self._encoder = encoder
        self._monotonic = monotonic
        self._settings = settings
        self._observer = observer
        self._at_once = MOST_AT_ONCE

    def learn(self, seconds: float) -> None:
        """Fit the size of the next claim to how long this one took.

        What is claimed must be on the wire within `start_within`, or it is given back untouched. On a machine where a
        full claim takes longer than that, everything would be claimed and given back for ever, and nothing sent.
        """
        if seconds > SLOW_CLAIM * self._settings.start_within:
            self._at_once = max(1, self._at_once // 2)
        else:
            self._at_once = min(MOST_AT_ONCE, self._at_once + self._at_once // 8 + 1)

    async def claim(
        self, connection: Connection, ready: Sequence[QueueHead], budget: Budget, lease: Lease, claimed_at: float
    ) -> BatchResult:
        """Bind messages of these lanes to requests while slots and tokens last."""
        heads: Heads = {
            (head.lane, head.tenant, head.sender): head
            for head in ready
            if head.tenant is not None and budget.may_send(self._provider.sender(head.sender))
        }
        if not heads or budget.slots <= 0:
            return BatchResult([])
        planned = allocate([_queue(head, budget) for head in heads.values()], budget.slots)
        consulted_at = self._monotonic()
        wanted = self._wanted(planned, heads, budget)
        found = await claims.lock_waiting_messages(connection, wanted)
        waiting = await self._park(connection, found)
        picked = self._make_batches(planned, heads, [row.message for row in waiting], budget)
        requests, failed = self._encoder.encode(picked)
        for message, why in failed:
            await claims.end_messages(connection, [message.id], TerminalStatus.FAILED, why)
            self._observer.ended(message.lane, TerminalStatus.FAILED.value, 1)
        gone = {message.id for request in requests for message in request.messages} | {one.id for one, _ in failed}
        left = _left(wanted, found, [row for row in waiting if row.message.id not in gone])
        moved = len(waiting) < len(found) or bool(failed)
        behind = not all(row.next for row in found)
        if not requests:
            return BatchResult([], moved, behind, left)
        await claims.create_requests(connection, requests, lease, self._provider.route)
        await self._remember(connection, heads, requests)
        ready_at = {row.message.id: row.ready_at.timestamp() for row in waiting}
        attempts = [self._attempt(request, lease, claimed_at, consulted_at, ready_at, budget) for request in requests]
        return BatchResult(attempts, moved, behind, left)

    def _wanted(self, planned: Sequence[Allocation], heads: Heads, budget: Budget) -> list[Wanted]:
        """Say how many messages of each queue to read, most deserving first: `_at_once` of all of them together."""
        wanted = []
        left = self._at_once
        for turn in planned:
            queue, head = turn.queue, heads[_key(turn.queue)]
            sender = self._provider.sender(queue.sender)
            room = min(budget.pace_left(sender) + 1, budget.quota_left(sender) + 1, left)
            most = min(int(room), turn.slots * self._per_request(head, budget))
            if most < 1:
                break
            left -= most
            wanted.append(Wanted(*_key(queue), most, head.newest_first, None if head.newest_first else head.first))
        return wanted

    def _per_request(self, head: QueueHead, budget: Budget) -> int:
        return self._settings.max_recipients if head.coalesces and not budget.probe else 1

    async def _park(self, connection: Connection, found: Sequence[WaitingMessage]) -> list[WaitingMessage]:
        """End what must not or cannot go, hold whose tag is paused or whose turn it is not; return the others."""
        await self._end(connection, [row for row in found if row.suppressed], TerminalStatus.SUPPRESSED, SUPPRESSED)
        rest = [row for row in found if not row.suppressed]
        held = [(row.message.id, row.paused_tag) for row in rest if row.paused_tag is not None]
        if held:
            await claims.park_paused(connection, held)
        rest = [row for row in rest if row.paused_tag is None]
        await self._park_ordered(connection, [row for row in rest if not row.next])
        rest = [row for row in rest if row.next]
        await self._end(connection, [row for row in rest if row.unreadable], TerminalStatus.FAILED, NOT_ENCODABLE)
        return [row for row in rest if not row.unreadable]

    async def _end(
        self, connection: Connection, rows: Sequence[WaitingMessage], ending: TerminalStatus, reason: ReasonCode
    ) -> None:
        if rows:
            for lane in await claims.end_messages(connection, [row.message.id for row in rows], ending, reason.reason):
                self._observer.ended(lane, ending.value, 1)

    @staticmethod
    async def _park_ordered(connection: Connection, rows: Sequence[WaitingMessage]) -> None:
        """Stand aside what is behind another of its order key. Of each key the first says it: the others follow it."""
        first: dict[tuple[str, str], int] = {}
        for row in rows:
            key = (row.message.tenant, row.order_key or "")
            first[key] = min(row.message.id, first.get(key, row.message.id))
        if first:
            await claims.park_ordered(connection, [(*key, one) for key, one in sorted(first.items())], MOST_AT_ONCE)

    def _make_batches(
        self, planned: Sequence[Allocation], heads: Heads, messages: Sequence[Message], budget: Budget
    ) -> list[Batch]:
        by_queue: dict[Key, list[Message]] = {}
        for message in messages:
            by_queue.setdefault((message.lane, message.tenant, message.sender_id or 0), []).append(message)
        picked: list[Batch] = []
        for turn in planned:
            queue = turn.queue
            sender = self._provider.sender(queue.sender)
            most = self._per_request(heads[_key(queue)], budget)
            for group in select_messages(
                by_queue.get(_key(queue), []),
                slots=min(turn.slots, budget.slots_of(queue.lane)),
                max_recipients=most,
                coalesces=most > 1,
                sender=sender,
                rules=self._provider.batch_rules,
                room=SenderAllowance(budget.pace_left(sender), budget.quota_left(sender)),
            ):
                budget.spend(queue.lane, sender, sum(group.parts))
                picked.append(group)
        return picked

    async def _remember(self, connection: Connection, heads: Heads, requests: Sequence[NewRequest]) -> None:
        """Charge what was served, where somebody else was waiting too; alone, nobody is owed anything."""
        if len(heads) < 2:
            return
        least = floor_pass_value(head.served for head in heads.values())
        least_of = {
            lane: floor_pass_value(head.tenant_served for head in heads.values() if head.lane == lane)
            for lane in {head.lane for head in heads.values()}
        }
        of_tenant = {(head.lane, head.tenant): head for head in heads.values()}
        served: dict[tuple[str, str], float] = {}
        for request in requests:
            head = of_tenant[request.lane, request.tenant]
            parts = sum(request.parts)
            lane, tenant = (request.lane, "*"), (request.lane, request.tenant)
            served[lane] = served.get(lane, max(head.served, least)) + parts / head.weight
            served[tenant] = served.get(tenant, max(head.tenant_served, least_of[request.lane])) + parts
        await claims.save_shares(connection, [(*key, value) for key, value in sorted(served.items())])

    def _attempt(
        self,
        request: NewRequest,
        lease: Lease,
        claimed_at: float,
        consulted_at: float,
        ready_at: dict[int, float],
        budget: Budget,
    ) -> Attempt:
        expiries = [message.expires_at.timestamp() - budget.now for message in request.messages if message.expires_at]
        return Attempt(
            request_id=request.id,
            token=lease.token,
            number=1,
            body=request.body,
            lane=request.lane,
            route=self._provider.route,
            sender_id=request.sender_id,
            recipients=len(request.messages),
            failures=0,
            maybe_arrived=False,
            probe=budget.probe,
            messages=request.messages,
            consulted_at=consulted_at,
            send_by=claimed_at + self._settings.start_within,
            lease_until=claimed_at + lease.seconds,
            ready_at=tuple(ready_at[message.id] for message in request.messages),
            first_expiry=deadline(claimed_at, min(expiries, default=None)),
            last_expiry=deadline(claimed_at, max(expiries, default=None)),
        )


def _key(queue: Queue) -> Key:
    return queue.lane, queue.tenant, queue.sender


def _left(
    wanted: Sequence[Wanted], found: Sequence[WaitingMessage], stayed: Sequence[WaitingMessage]
) -> dict[Key, Cursor | None]:
    """Return where each queue was left: at the first that stayed, else at the last that was read.

    None is for a queue of which nothing stayed, and that gave less than it was asked for.
    """
    asked = {(one.lane, one.tenant, one.sender): one.most for one in wanted}
    read, waits = _cursors(found), _cursors(stayed)
    return {
        key: min(waits[key]) if key in waits else max(read[key]) if len(read.get(key, ())) >= most else None
        for key, most in asked.items()
    }


def _cursors(rows: Sequence[WaitingMessage]) -> dict[Key, list[Cursor]]:
    places: dict[Key, list[Cursor]] = {}
    for row in rows:
        places.setdefault((row.message.lane, row.message.tenant, row.message.sender_id or 0), []).append(row.place)
    return places


def _queue(head: QueueHead, budget: Budget) -> Queue:
    return Queue(
        head.lane,
        head.tenant or "",
        head.urgent,
        head.weight,
        head.served,
        head.tenant_served,
        sender=head.sender,
        max_slots=budget.slots_of(head.lane),
    )
