"""The part of a claim that binds waiting messages to new requests."""

import secrets
import time
from collections.abc import Sequence
from uuid import UUID

from gateway.dispatch.budget import Budget, ClaimSettings
from gateway.dispatch.observer import Observer
from gateway.dispatch.picking import Picked, encode, pick
from gateway.dispatch.ticket import Ticket, deadline
from gateway.domain.ids import request_id
from gateway.domain.message import Message
from gateway.domain.turns import LAG, Queue, Turn, turns
from gateway.provider.protocol import Provider
from gateway.store import claims
from gateway.store.claims import Ending, Head, Lease, NewRequest
from gateway.store.pool import Connection

MOST_AT_ONCE = 5000
"""Messages read by one claim: bounds its memory, and how long it holds the limiter's lock."""

SUPPRESSED = "suppressed: this number asked not to be written to"

Heads = dict[tuple[str, str], Head]


def new_request_id() -> UUID:
    """Return an id that no request has had; see `gateway.domain.ids`."""
    return request_id(time.time_ns() // 1_000_000, secrets.randbits(74))


class Binder:
    """Makes new requests inside the claim's transaction."""

    def __init__(self, provider: Provider, settings: ClaimSettings, observer: Observer) -> None:
        self._provider = provider
        self._settings = settings
        self._observer = observer
        self.senders: set[int | None] = {settings.default_sender}
        """Numbers seen so far. A claim locks the buckets of those; a new one has its bucket from the next claim on."""

    async def claim(
        self, connection: Connection, ready: Sequence[Head], budget: Budget, lease: Lease, claimed_at: float
    ) -> list[Ticket]:
        """Bind messages of these lanes to requests while slots and tokens last."""
        heads: Heads = {(h.lane, h.tenant): h for h in ready if not h.retry and h.tenant is not None}
        if not heads or budget.slots <= 0:
            return []
        planned = turns([_queue(head) for head in heads.values()], budget.slots)
        waiting = await claims.waiting_messages(connection, self._wanted(planned, heads, budget))
        await self._suppress(connection, [row.message.id for row in waiting if row.suppressed])
        picked = self._pick(planned, heads, [row.message for row in waiting if not row.suppressed], budget)
        requests, failed = encode(
            picked,
            self._provider,
            prefix=self._settings.external_id_prefix,
            new_id=new_request_id,
            default_sender=self._settings.default_sender,
        )
        for message, why in failed:
            await claims.end_messages(connection, [message.id], Ending.FAILED, why)
            self._observer.ended(message.lane, Ending.FAILED.value, 1)
        if not requests:
            return []
        await claims.bind(connection, requests, lease, self._provider.name)
        await self._remember(connection, heads, requests)
        ready_at = {row.message.id: row.ready_at.timestamp() for row in waiting}
        return [self._ticket(request, lease, claimed_at, ready_at, budget.now) for request in requests]

    def _wanted(self, planned: Sequence[Turn], heads: Heads, budget: Budget) -> list[tuple[str, str, int]]:
        pace = max(budget.parts_left(sender) for sender in self.senders)
        most = MOST_AT_ONCE if pace > MOST_AT_ONCE else int(pace) + 1
        per_request = {key: self._settings.max_recipients if head.coalesces else 1 for key, head in heads.items()}
        return [
            (turn.lane, turn.tenant, min(most, turn.slots * per_request[turn.lane, turn.tenant])) for turn in planned
        ]

    async def _suppress(self, connection: Connection, ids: list[int]) -> None:
        if ids:
            for lane in await claims.end_messages(connection, ids, Ending.SUPPRESSED, SUPPRESSED):
                self._observer.ended(lane, Ending.SUPPRESSED.value, 1)

    def _pick(self, planned: Sequence[Turn], heads: Heads, messages: Sequence[Message], budget: Budget) -> list[Picked]:
        default = self._settings.default_sender
        by_queue: dict[tuple[str, str], list[Message]] = {}
        for message in messages:
            by_queue.setdefault((message.lane, message.tenant), []).append(message)
            self.senders.add(message.sender_id or default)
        picked: list[Picked] = []
        for turn in planned:
            for group in pick(
                by_queue.get((turn.lane, turn.tenant), []),
                slots=min(turn.slots, budget.slots),
                max_recipients=self._settings.max_recipients,
                coalesces=heads[turn.lane, turn.tenant].coalesces,
                default_sender=default,
                parts_left=budget.parts_left,
            ):
                budget.spend(group.sender_id, sum(group.parts))
                picked.append(group)
        return picked

    async def _remember(self, connection: Connection, heads: Heads, requests: Sequence[NewRequest]) -> None:
        """Charge what was served, where somebody else was waiting too; alone, nobody is owed anything."""
        if len(heads) < 2:
            return
        least = max(head.served for head in heads.values()) - LAG
        least_tenant = max(head.tenant_served for head in heads.values()) - LAG
        served: dict[tuple[str, str], float] = {}
        for request in requests:
            head = heads[request.lane, request.tenant]
            parts = sum(request.parts)
            lane, tenant = (request.lane, "*"), (request.lane, request.tenant)
            served[lane] = served.get(lane, max(head.served, least)) + parts / head.weight
            served[tenant] = served.get(tenant, max(head.tenant_served, least_tenant)) + parts
        await claims.remember_shares(connection, [(*key, value) for key, value in sorted(served.items())])

    def _ticket(
        self, request: NewRequest, lease: Lease, claimed_at: float, ready_at: dict[int, float], now: float
    ) -> Ticket:
        expiries = [message.expires_at.timestamp() - now for message in request.messages if message.expires_at]
        return Ticket(
            request_id=request.id,
            token=lease.token,
            number=1,
            body=request.body,
            lane=request.lane,
            route=self._provider.name,
            sender_id=request.sender_id,
            recipients=len(request.messages),
            spent=0,
            maybe_arrived=False,
            messages=request.messages,
            send_by=claimed_at + self._settings.start_within,
            lease_until=claimed_at + lease.seconds,
            ready_at=tuple(ready_at[message.id] for message in request.messages),
            first_expiry=deadline(claimed_at, min(expiries, default=None)),
            last_expiry=deadline(claimed_at, max(expiries, default=None)),
        )


def _queue(head: Head) -> Queue:
    return Queue(head.lane, head.tenant or "", head.urgent, head.weight, head.served, head.tenant_served)
