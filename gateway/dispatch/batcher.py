"""The part of a claim that puts waiting messages into new requests."""

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

MAX_MESSAGES_PER_CLAIM = 5000
"""Messages that one claim reads. It bounds the claim's memory, and how long it holds the limiter's lock."""

SLOW_ROWS_SHARE = 0.2
"""Share of the time within which a request must be sent. If a claim's rows take longer, the next one reads less."""

Heads = dict[Key, QueueHead]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What the batcher did."""

    attempts: list[Attempt]
    removed_some: bool = False
    """Messages were ended or parked without being sent, so others may come first now."""
    parked_by_order: bool = False
    """Some of them are parked behind another of their order key."""
    cursors: Mapping[Key, Cursor | None] = field(default_factory=dict)
    """The cursor of each queue after this; None for a queue that gave fewer messages than requested."""


class Batcher:
    """Creates new requests inside the claim's transaction."""

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
        self._max_messages = MAX_MESSAGES_PER_CLAIM

    def _adapt_size(self, rows_seconds: float) -> None:
        """Adapt the size of the next claim to how long the rows of this one took, without the round trips.

        Where a full claim's rows took longer than the time within which a request must be sent, every request would be
        held back, and nothing would ever be sent. A smaller claim does not shorten the way to a distant database.
        """
        if rows_seconds > SLOW_ROWS_SHARE * self._settings.send_within:
            self._max_messages = max(1, self._max_messages // 2)
        else:
            self._max_messages = min(MAX_MESSAGES_PER_CLAIM, self._max_messages + self._max_messages // 8 + 1)

    async def claim(
        self, connection: Connection, ready: Sequence[QueueHead], budget: Budget, lease: Lease, *, urgent: bool
    ) -> BatchResult:
        """Create requests for messages of these queues, all urgent or none, while tokens last."""
        heads: Heads = {
            (head.lane, head.tenant, head.sender): head
            for head in ready
            if head.tenant is not None and budget.may_send(self._provider.sender(head.sender))
        }
        requests_left = budget.requests_of_group(urgent=urgent)
        if not heads or requests_left <= 0:
            return BatchResult([])
        allocations = allocate([_queue(head, budget) for head in heads.values()], requests_left)
        suppressions_read_at = self._monotonic()
        wanted, allocations = self._wanted(allocations, heads, budget)
        found = await claims.lock_waiting_messages(connection, wanted)
        rows_seconds = self._monotonic() - suppressions_read_at
        sendable = await self._remove_unsendable(connection, found)
        batches = self._make_batches(allocations, heads, [row.message for row in sendable], budget)
        requests, failed = self._encoder.encode(batches)
        for message, reason in failed:
            await claims.end_messages(connection, [message.id], TerminalStatus.FAILED, reason)
            self._observer.ended(message.lane, TerminalStatus.FAILED.value, 1)
        gone = {message.id for request in requests for message in request.messages} | {one.id for one, _ in failed}
        cursors = _next_cursors(wanted, found, [row for row in sendable if row.message.id not in gone])
        removed_some = len(sendable) < len(found) or bool(failed)
        parked_by_order = not all(row.is_head_of_order_key for row in found)
        if not requests:
            return BatchResult([], removed_some, parked_by_order, cursors)
        began = self._monotonic()
        await claims.create_requests(connection, requests, lease, self._provider.route)
        rows_seconds += self._monotonic() - began
        self._adapt_size(rows_seconds - 2.0 * (budget.taken_after - budget.taken_before))
        await self._save_pass_values(connection, heads, requests)
        ready_at = {row.message.id: row.ready_at.timestamp() for row in sendable}
        attempts = [self._attempt(request, lease, suppressions_read_at, ready_at, budget) for request in requests]
        return BatchResult(attempts, removed_some, parked_by_order, cursors)

    def _wanted(
        self, allocations: Sequence[Allocation], heads: Heads, budget: Budget
    ) -> tuple[list[Wanted], list[Allocation]]:
        """Return how many messages to read of each queue, first allocation first, and the requests for them.

        A claim reads at most `_max_messages` in total. If more wait than that, full requests now are better than many
        half-full ones: the tokens that are left go to the next claim.
        """
        wanted, used = [], []
        left = self._max_messages
        for allocation in allocations:
            queue, head = allocation.queue, heads[_key(allocation.queue)]
            sender = self._provider.sender(queue.sender)
            max_per_request = self._max_per_request(head, budget)
            sendable = min(budget.pace_left(sender) + 1, budget.day_left(sender) + 1, left)
            limit = min(int(sendable), allocation.slots * max_per_request)
            if limit < 1:
                break
            slots = -(-limit // max_per_request) if limit == left else allocation.slots
            left -= limit
            wanted.append(Wanted(*_key(queue), limit, head.newest_first, None if head.newest_first else head.first))
            used.append(Allocation(queue, slots))
        return wanted, used

    def _max_per_request(self, head: QueueHead, budget: Budget) -> int:
        return self._settings.max_recipients if head.coalesces and not budget.probe else 1

    async def _remove_unsendable(self, connection: Connection, found: Sequence[WaitingMessage]) -> list[WaitingMessage]:
        """End messages that must not or cannot be sent, park those that cannot be sent yet; return the others."""
        await self._end(connection, [row for row in found if row.suppressed], TerminalStatus.SUPPRESSED, SUPPRESSED)
        rest = [row for row in found if not row.suppressed]
        paused = [(row.message.id, row.paused_tag) for row in rest if row.paused_tag is not None]
        if paused:
            await claims.park_paused(connection, paused)
        rest = [row for row in rest if row.paused_tag is None]
        await self._park_ordered(connection, [row for row in rest if not row.is_head_of_order_key])
        rest = [row for row in rest if row.is_head_of_order_key]
        await self._end(connection, [row for row in rest if row.unreadable], TerminalStatus.FAILED, NOT_ENCODABLE)
        return [row for row in rest if not row.unreadable]

    async def _end(
        self, connection: Connection, rows: Sequence[WaitingMessage], status: TerminalStatus, reason: ReasonCode
    ) -> None:
        if rows:
            for lane in await claims.end_messages(connection, [row.message.id for row in rows], status, reason.reason):
                self._observer.ended(lane, status.value, 1)

    @staticmethod
    async def _park_ordered(connection: Connection, rows: Sequence[WaitingMessage]) -> None:
        """Park messages behind another of their order key: the first of each key, and all that follow it."""
        first: dict[tuple[str, str], int] = {}
        for row in rows:
            key = (row.message.tenant, row.order_key or "")
            first[key] = min(row.message.id, first.get(key, row.message.id))
        if first:
            parked = [(*key, message_id) for key, message_id in sorted(first.items())]
            await claims.park_ordered(connection, parked, MAX_MESSAGES_PER_CLAIM)

    def _make_batches(
        self, allocations: Sequence[Allocation], heads: Heads, messages: Sequence[Message], budget: Budget
    ) -> list[Batch]:
        by_queue: dict[Key, list[Message]] = {}
        for message in messages:
            by_queue.setdefault((message.lane, message.tenant, message.sender_id or 0), []).append(message)
        batches: list[Batch] = []
        for allocation in allocations:
            queue = allocation.queue
            sender = self._provider.sender(queue.sender)
            max_recipients = self._max_per_request(heads[_key(queue)], budget)
            for batch in select_messages(
                by_queue.get(_key(queue), []),
                max_requests=min(allocation.slots, budget.requests_of(queue.lane)),
                max_recipients=max_recipients,
                coalesces=max_recipients > 1,
                sender=sender,
                rules=self._provider.batch_rules,
                allowance=SenderAllowance(budget.pace_left(sender), budget.day_left(sender)),
            ):
                budget.spend(queue.lane, sender, sum(batch.parts))
                batches.append(batch)
        return batches

    async def _save_pass_values(self, connection: Connection, heads: Heads, requests: Sequence[NewRequest]) -> None:
        """Raise the pass values of what was served, if more than one queue was waiting: a single one has no rival."""
        if len(heads) < 2:
            return
        lane_floor = floor_pass_value(head.pass_value for head in heads.values())
        tenant_floors = {
            lane: floor_pass_value(head.tenant_pass_value for head in heads.values() if head.lane == lane)
            for lane in {head.lane for head in heads.values()}
        }
        head_of = {(head.lane, head.tenant): head for head in heads.values()}
        pass_values: dict[tuple[str, str], float] = {}
        for request in requests:
            head = head_of[request.lane, request.tenant]
            parts = sum(request.parts)
            lane, tenant = (request.lane, "*"), (request.lane, request.tenant)
            lane_value = pass_values.get(lane, max(head.pass_value, lane_floor))
            tenant_value = pass_values.get(tenant, max(head.tenant_pass_value, tenant_floors[request.lane]))
            pass_values[lane] = lane_value + parts / head.weight
            pass_values[tenant] = tenant_value + parts
        await claims.save_shares(connection, [(*key, value) for key, value in sorted(pass_values.items())])

    def _attempt(
        self,
        request: NewRequest,
        lease: Lease,
        suppressions_read_at: float,
        ready_at: dict[int, float],
        budget: Budget,
    ) -> Attempt:
        claimed_at = budget.taken_before
        expiries = [message.expires_at.timestamp() - budget.now for message in request.messages if message.expires_at]
        return Attempt(
            request_id=request.id,
            claim_token=lease.token,
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
            limiter_token=budget.token(request.lane),
            claimed_at=claimed_at,
            suppressions_read_at=suppressions_read_at,
            send_from=budget.send_from(request.lane),
            send_by=claimed_at + self._settings.send_within,
            ready_at=tuple(ready_at[message.id] for message in request.messages),
            first_expiry=deadline(claimed_at, min(expiries, default=None)),
            last_expiry=deadline(claimed_at, max(expiries, default=None)),
        )


def _key(queue: Queue) -> Key:
    return queue.lane, queue.tenant, queue.sender


def _next_cursors(
    wanted: Sequence[Wanted], found: Sequence[WaitingMessage], stayed: Sequence[WaitingMessage]
) -> dict[Key, Cursor | None]:
    """Return the next cursor of each queue: its first message that stayed, else the last one that was read.

    None is for a queue of which no message stayed, and that gave fewer than requested.
    """
    limits = {(one.lane, one.tenant, one.sender): one.limit for one in wanted}
    read, left = _cursors(found), _cursors(stayed)
    return {
        key: min(left[key]) if key in left else max(read[key]) if len(read.get(key, ())) >= limit else None
        for key, limit in limits.items()
    }


def _cursors(rows: Sequence[WaitingMessage]) -> dict[Key, list[Cursor]]:
    cursors: dict[Key, list[Cursor]] = {}
    for row in rows:
        cursors.setdefault((row.message.lane, row.message.tenant, row.message.sender_id or 0), []).append(row.cursor)
    return cursors


def _queue(head: QueueHead, budget: Budget) -> Queue:
    return Queue(
        head.lane,
        head.tenant or "",
        head.urgent,
        head.weight,
        head.pass_value,
        head.tenant_pass_value,
        sender=head.sender,
        max_slots=budget.requests_of(head.lane),
    )
