"""The state of the gateway at one moment, for `smsgw status`, the console's overview and its API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.components import Component
from gateway.domain.drain import Queue, Rates, drain
from gateway.domain.states import State
from gateway.store import lanes, overview, status
from gateway.store.breakers import RouteStatus
from gateway.store.buckets import BucketState, bucket_kind
from gateway.store.overview import Receiving, Trouble
from gateway.store.pool import Connection
from gateway.store.status import Backlog, Pause, Replica

RECEIPTS_COUNTED = overview.RECEIPTS
"""Receipts of the last hour are counted up to this."""

SILENT = 30.0
"""Seconds without a heartbeat after which a replica counts as silent: three heartbeats."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """The backlog of one lane."""

    lane: str
    urgent: bool
    weight: int
    states: Mapping[str, int]
    """Messages that are not final, by state."""
    at_least: bool
    """Whether more messages wait than were counted."""
    oldest: float | None
    """Seconds since the oldest waiting message could have been sent."""
    held: bool
    eta: float | None
    """Seconds until the waiting messages are sent at the present rates; None if unknown, see `etas`."""


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """The use of one limit."""

    name: str
    tokens: float
    capacity: float
    """Tokens when nothing is used."""
    rate: float
    """Tokens a second, now."""
    full_rate: float
    """Tokens a second without a recent 429."""
    allowance: float
    period: float
    """Seconds."""
    used: float
    """Share of the capacity that is in use, 0 to 1."""
    blocked_for: float
    """Seconds until the limit gives any token; normally zero."""
    reserve: int
    """Tokens that other lanes leave free for urgent lanes."""
    urgent_held: int
    """Tokens in use that urgent lanes took."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All of it."""

    at: datetime
    lanes: tuple[LaneStatus, ...]
    limits: tuple[LimitStatus, ...]
    pauses: tuple[Pause, ...]
    replicas: tuple[Replica, ...]
    routes: tuple[RouteStatus, ...]
    troubles: tuple[Trouble, ...]
    """Failed attempts of the last hour, newest first."""
    receiving: Receiving
    versions: tuple[str, ...]
    """Releases that run; more than one during a rolling upgrade."""

    @property
    def sending(self) -> bool:
        """Whether any worker that sends is running."""
        return any(one.silent < SILENT and Component.DISPATCH in one.components for one in self.replicas)


async def read_status(connection: Connection, *, max_recipients: int = 500) -> StatusReport:
    """Return the state of the gateway. `max_recipients` is the setting; it is used for the estimates.

    Counts have limits and the history is never read, so this takes milliseconds whatever the size of the outbox.
    """
    found = await status.status(connection)
    every_lane = await lanes.list_lanes(connection)
    now = await overview.now(connection)
    return StatusReport(
        at=datetime.fromtimestamp(now, UTC),
        lanes=_lanes(found, every_lane, etas(found, every_lane, max_recipients)),
        limits=tuple(_limit(bucket) for bucket in found.buckets),
        pauses=tuple(found.pauses),
        replicas=tuple(found.replicas),
        routes=tuple(found.routes),
        troubles=tuple(await overview.troubles(connection)),
        receiving=await overview.receiving(connection),
        versions=tuple(sorted({one.version for one in found.replicas if one.silent < SILENT})),
    )


def etas(found: status.Status, every: Sequence[lanes.Lane], max_recipients: int) -> Mapping[str, float | None]:
    """Return the seconds until each lane is empty.

    None if that is unknown: the lane is paused, no worker sends, or a circuit breaker is open.
    """
    stopped, held = _paused(found)
    sending = any(one.silent < SILENT and Component.DISPATCH in one.components for one in found.replicas)
    if stopped or not sending or any(route.opened_at is not None for route in found.routes):
        return {lane.name: None for lane in every}
    waiting: dict[str, int] = {}
    for row in found.backlog:
        if row.state in (State.READY, State.RETRYING):
            waiting[row.lane] = waiting.get(row.lane, 0) + row.messages
    queues = [Queue(lane.name, waiting.get(lane.name, 0), lane.urgent, lane.weight, lane.coalesce) for lane in every]
    ends = drain(queues, _rates(found, max_recipients))
    return {name: None if name in held else _finite(end) for name, end in ends.items()}


def _paused(found: status.Status) -> tuple[bool, set[str]]:
    """Return whether everything is paused, and which lanes are."""
    stopped = any(pause.scope in ("all", "route") for pause in found.pauses)
    return stopped, {pause.subject for pause in found.pauses if pause.scope == "lane"}


def _lanes(
    found: status.Status, every: Sequence[lanes.Lane], ends: Mapping[str, float | None]
) -> tuple[LaneStatus, ...]:
    stopped, held = _paused(found)
    lines = {lane.name: [row for row in found.backlog if row.lane == lane.name] for lane in every}
    return tuple(
        LaneStatus(
            lane=lane.name,
            urgent=lane.urgent,
            weight=lane.weight,
            states=_states(lines[lane.name]),
            at_least=any(row.at_least for row in lines[lane.name]),
            oldest=_oldest(lines[lane.name]),
            held=stopped or lane.name in held,
            eta=ends.get(lane.name),
        )
        for lane in every
    )


def _states(rows: list[Backlog]) -> dict[str, int]:
    states: dict[str, int] = {}
    for row in rows:
        states[row.state] = states.get(row.state, 0) + row.messages
    return states


def _oldest(rows: list[Backlog]) -> float | None:
    ages = [row.oldest for row in rows if row.oldest is not None and row.messages]
    return max(0.0, *ages) if ages else None


def _finite(seconds: float | None) -> float | None:
    return None if seconds is None or seconds == float("inf") else seconds


def _rates(found: status.Status, max_recipients: int) -> Rates:
    """Return the rates of the limiter. Of several sending numbers the slowest counts."""
    requests = [bucket for bucket in found.buckets if bucket_kind(bucket.name) == "requests"]
    parts = [bucket for bucket in found.buckets if bucket_kind(bucket.name) == "parts"]
    return Rates(
        requests=min((bucket.rate for bucket in requests), default=float("inf")),
        parts=min((bucket.rate for bucket in parts), default=float("inf")),
        recipients=max_recipients,
        blocked=max((bucket.blocked_for for bucket in (*requests, *parts)), default=0.0),
    )


def _limit(bucket: BucketState) -> LimitStatus:
    return LimitStatus(
        name=bucket.name,
        tokens=bucket.tokens,
        capacity=bucket.capacity,
        rate=0.0 if bucket.blocked_for else bucket.rate,
        full_rate=bucket.full_rate,
        allowance=bucket.allowance,
        period=bucket.period,
        used=min(1.0, max(0.0, 1.0 - bucket.tokens / bucket.capacity)) if bucket.capacity else 0.0,
        blocked_for=bucket.blocked_for,
        reserve=bucket.reserve,
        urgent_held=bucket.urgent_held,
    )
