"""Why a message is not sent now: every obstacle, when it ends, and how to remove it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gateway.domain.components import Component
from gateway.domain.reasons import resolve_remedy
from gateway.domain.states import FINAL_STATES, State
from gateway.operations.reasons import explain
from gateway.operations.search import get_message
from gateway.operations.status import SILENT
from gateway.provider.registry import ROUTES
from gateway.store import lanes, overview, status, why_facts
from gateway.store.buckets import bucket_kind, bucket_subject, day_bucket, parts_bucket, requests_bucket
from gateway.store.pool import Connection
from gateway.store.searches import MessageRow
from gateway.store.status import Status
from gateway.store.why_facts import MAX_AHEAD, Facts

HELD_BACK_RECENTLY = 60.0
"""Seconds during which a released request is still an explanation."""


class Kind(StrEnum):
    """What delays a message."""

    FINAL = "final"
    SCHEDULE = "schedule"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    PAUSE = "pause"
    NO_DISPATCHER = "no_dispatcher"
    BREAKER = "breaker"
    HELD_BACK = "held_back"
    ORDER_KEY = "order_key"
    BUCKET = "bucket"
    QUEUE = "queue"
    LEASE = "lease"
    RETRY = "retry"
    UNCERTAIN = "uncertain"
    RECEIPT = "receipt"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that a message waits for."""

    kind: Kind
    message: str
    until: datetime | None = None
    """When it ends by itself; None if it does not, or if that is not known."""
    remedy: str | None = None
    """A command, or what else to do. A command ends its line."""


@dataclass(frozen=True, slots=True)
class Why:
    """A message and its obstacles, the strongest first."""

    message: MessageRow
    obstacles: tuple[Obstacle, ...]


async def diagnose(connection: Connection, message_id: int, *, default_sender: int | None = None) -> Why | None:
    """Return what a message waits for; None if there is no such message.

    `default_sender` is the sending number of messages that name none, if the settings name one.
    """
    message = await get_message(connection, message_id)
    found = await why_facts.facts(connection, message_id)
    if message is None or found is None:
        return None
    if message.state in FINAL_STATES:
        meaning = explain(message.reason)
        remedy = None if meaning is None else meaning.remedy
        reason = f" ({message.reason})" if message.reason else ""
        text = f"it is {message.state}{reason}, which is final: the gateway does nothing more"
        return Why(message, (Obstacle(Kind.FINAL, text, remedy=remedy),))
    if message.state in (State.ACCEPTED, State.UNCONFIRMED):
        return Why(message, (_receipt(message, found),))
    current = await status.status(connection)
    now = await overview.now(connection)
    obstacles = [*_expired(found), *_uncertain(message, found), *_lease(found)]
    if not obstacles:
        obstacles = [*_pauses(found, current), *_no_dispatcher(current), *_breaker(current)]
        obstacles += _held_back(current)
        obstacles += _waiting(found) if message.request_id is None else _retry(message, found)
        obstacles += await _buckets(connection, found, current, now, default_sender)
        if message.request_id is None:
            obstacles += await _queue(connection, found)
    return Why(message, tuple(obstacles) or (Obstacle(Kind.NOTHING, "nothing: it is sent with the next claim"),))


def _receipt(message: MessageRow, found: Facts) -> Obstacle:
    if message.state == State.UNCONFIRMED:
        return Obstacle(
            Kind.RECEIPT,
            "the provider accepted it, and no final delivery receipt has arrived; a late receipt still counts",
            remedy="to see where receipts are sent: smsgw webhook list\n"
            f"to send a second copy: smsgw replay --id {found.id} --allow-duplicates --because 'REASON'",
        )
    return Obstacle(
        Kind.RECEIPT,
        "the provider accepted it; it waits for the delivery receipt and becomes unconfirmed without one",
        found.unconfirmed_at,
    )


def _expired(found: Facts) -> list[Obstacle]:
    if found.expires_at > found.now or found.route is not None:
        return []
    text = "its time to live is over; the next sweep sets it to expired"
    return [Obstacle(Kind.EXPIRED, text, remedy=f"to send it then: smsgw replay --id {found.id} --new-ttl 1h")]


def _uncertain(message: MessageRow, found: Facts) -> list[Obstacle]:
    if message.state != State.UNCERTAIN:
        return []
    others = f" with {found.members - 1} others in its request" if found.members and found.members > 1 else ""
    polled = "" if found.last_polled_at is None else "; the provider's delivery listing does not contain it"
    reason = message.reason or "an attempt may have arrived"
    text = f"it is not known whether it was sent{others} ({reason}){polled}"
    remedy = resolve_remedy(found.id)
    if found.horizon_ends is not None and found.horizon_ends > found.now:
        remedy = f"To send it until then without the risk of a second copy: smsgw replay --id {found.id}\n{remedy}"
        return [Obstacle(Kind.UNCERTAIN, text, found.horizon_ends, remedy)]
    return [Obstacle(Kind.UNCERTAIN, text, None, remedy)]


def _lease(found: Facts) -> list[Obstacle]:
    if not found.leased:
        return []
    began = "" if found.attempt_began is None else f" since {found.attempt_began:%H:%M:%S}"
    text = f"{found.worker} is sending it{began}; if that worker dies, another one retries under the same request id"
    return [Obstacle(Kind.LEASE, text, found.lease_expires_at)]


def _pauses(found: Facts, current: Status) -> list[Obstacle]:
    obstacles = []
    for pause in current.pauses:
        applies = {
            "all": True,
            "route": True,
            "lane": pause.subject == found.lane,
            "tenant": pause.subject == found.tenant,
            "tag": found.route is None and _tagged(found, pause.subject),
        }[pause.scope]
        if applies:
            name = f"{pause.scope} {pause.subject}".strip()
            text = f"{name} is paused by {pause.actor} since {pause.paused_at:%Y-%m-%d %H:%M} UTC: {pause.reason}"
            obstacles.append(Obstacle(Kind.PAUSE, text, pause.expires_at, f"smsgw resume {name}"))
    return obstacles


def _tagged(found: Facts, subject: str) -> bool:
    """Whether a message has the tag that a pause names. The same rule as smsgw.has_tag."""
    tags = found.tags or {}
    key, equals, value = subject.partition("=")
    return subject in tags or (bool(equals) and tags.get(key) == value)


def _no_dispatcher(current: Status) -> list[Obstacle]:
    if any(one.silent < SILENT and Component.DISPATCH in one.components for one in current.replicas):
        return []
    return [Obstacle(Kind.NO_DISPATCHER, "no worker that sends is running", remedy="smsgw run")]


def _held_back(current: Status) -> list[Obstacle]:
    return [
        Obstacle(
            Kind.HELD_BACK,
            f"{replica.held_back:.0f} s ago worker {replica.worker} released requests because it was too late to send "
            f"them ({replica.held_back_reason}); they were not sent, and they are claimed again",
            remedy="to see how far away the database is: smsgw doctor",
        )
        for replica in current.replicas
        if replica.held_back is not None and replica.held_back < HELD_BACK_RECENTLY
    ]


def _breaker(current: Status) -> list[Obstacle]:
    return [
        Obstacle(
            Kind.BREAKER,
            f"the circuit breaker of route {route.name} is open ({route.last_error}); single probe requests are sent",
            route.retry_at,
            "it closes by itself; check the network and the provider's status page",
        )
        for route in current.routes
        if route.opened_at is not None
    ]


def _waiting(found: Facts) -> list[Obstacle]:
    obstacles = []
    if found.not_before > found.now:
        obstacles.append(Obstacle(Kind.SCHEDULE, "it is scheduled for later", found.not_before))
    if found.suppressed:
        text = "its number is suppressed; the next claim sets it to suppressed"
        remedy = "only with the recipient's consent: smsgw suppress remove NUMBER --because 'REASON'"
        obstacles.append(Obstacle(Kind.SUPPRESSED, text, remedy=remedy))
    if found.behind is not None:
        text = f"message {found.behind} has the same order key, is earlier, and is not accepted yet"
        obstacles.append(Obstacle(Kind.ORDER_KEY, text, remedy=f"smsgw messages why {found.behind}"))
    return obstacles


def _retry(message: MessageRow, found: Facts) -> list[Obstacle]:
    if found.available_at is None or found.available_at <= found.now:
        return []
    after = f" after {message.attempts} attempts" if message.attempts else ""
    text = f"it waits for its next attempt{after} ({message.reason or 'no reason is recorded'})"
    return [Obstacle(Kind.RETRY, text, found.available_at)]


async def _buckets(
    connection: Connection, found: Facts, current: Status, now: float, default_sender: int | None
) -> list[Obstacle]:
    route = found.route or ROUTES[0]
    sender = found.sender_id or default_sender or _only_sender(current)
    names = {
        requests_bucket(route): "the request limit of the provider is used up",
        parts_bucket(route, sender): "the parts per minute of the sending number are used up",
        day_bucket(route, sender): "the parts per day of the sending number are used up",
    }
    urgent = {lane.name for lane in await lanes.list_lanes(connection) if lane.urgent}
    obstacles = []
    for bucket in current.buckets:
        if bucket.name not in names:
            continue
        wait = bucket.wait if found.lane in urgent else bucket.others_wait
        if wait is None or wait > 0:
            text = names[bucket.name]
            if found.lane not in urgent and bucket.tokens >= 1:
                text = "the rest of the request limit is reserved for urgent lanes"
            until = None if wait is None else datetime.fromtimestamp(now, UTC) + timedelta(seconds=min(wait, 10**8))
            obstacles.append(Obstacle(Kind.BUCKET, f"{text} ({bucket.name})", until))
    return obstacles


def _only_sender(current: Status) -> int | None:
    """Return the account's default number if it is the only one that ever sent."""
    numbers = [bucket_subject(bucket.name) for bucket in current.buckets if bucket_kind(bucket.name) == "parts"]
    return int(numbers[0]) if len(numbers) == 1 and numbers[0].isdigit() else None


async def _queue(connection: Connection, found: Facts) -> list[Obstacle]:
    if found.parked_by is not None:
        return []
    ahead = await why_facts.ahead(connection, found)
    if not ahead:
        return []
    many = f"{ahead}+" if ahead >= MAX_AHEAD else str(ahead)
    text = f"messages before it in lane {found.lane}: {many}"
    return [Obstacle(Kind.QUEUE, text, remedy="to see how long the lane needs: smsgw status")]
