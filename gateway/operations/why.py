"""Why a message is not going, now: every obstacle, until when it stands, and what removes it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gateway.domain.components import Component
from gateway.domain.states import FINAL_STATES, State
from gateway.operations.reasons import explain
from gateway.operations.search import one
from gateway.operations.status import SILENT
from gateway.store import lanes, overview, status, why_facts
from gateway.store.buckets import REQUESTS, day_bucket, lane_bucket, parts_bucket
from gateway.store.pool import Connection
from gateway.store.searches import MessageRow
from gateway.store.status import Status
from gateway.store.why_facts import MOST_AHEAD, Facts


class Kind(StrEnum):
    """What stands in the way."""

    FINAL = "final"
    SCHEDULE = "schedule"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    PAUSE = "pause"
    NOBODY_SENDS = "no_dispatcher"
    BREAKER = "breaker"
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
    says: str
    until: datetime | None = None
    """When it ends by itself; None when it does not, or nobody can say."""
    mend: str | None = None
    """A command, or what else to do."""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer: the strongest obstacle first."""

    message: MessageRow
    obstacles: tuple[Obstacle, ...]


async def obstacles_of(connection: Connection, message_id: int, *, default_sender: int | None = None) -> Why | None:
    """Return what a message waits for; None when there is no such message.

    `default_sender` is the sending number of messages that name none, where the settings know it.
    """
    message = await one(connection, message_id)
    found = await why_facts.facts(connection, message_id)
    if message is None or found is None:
        return None
    if message.state in FINAL_STATES:
        meaning = explain(message.reason)
        mend = None if meaning is None else meaning.do
        says = (
            f"it is {message.state}"
            + (f": {message.reason}" if message.reason else "")
            + "; nothing more happens by itself"
        )
        return Why(message, (Obstacle(Kind.FINAL, says, mend=mend),))
    if message.state in (State.ACCEPTED, State.UNCONFIRMED):
        return Why(message, (_receipt(message, found),))
    standing = await status.status(connection)
    now = await overview.now(connection)
    obstacles = [*_expired(found), *_uncertain(message, found), *_lease(found)]
    if not obstacles:
        obstacles = [*_held(found, standing), *_nobody(standing), *_breaker(standing)]
        obstacles += _waiting(found) if message.request_id is None else _retry(message, found)
        obstacles += await _buckets(connection, found, standing, now, default_sender)
        if message.request_id is None:
            obstacles += await _queue(connection, found)
    return Why(message, tuple(obstacles) or (Obstacle(Kind.NOTHING, "nothing: it goes with the next claim"),))


def _receipt(message: MessageRow, found: Facts) -> Obstacle:
    if message.state == State.UNCONFIRMED:
        return Obstacle(
            Kind.RECEIPT,
            "the provider accepted it and no final receipt came in all that time; a late one still counts",
            mend="smsgw webhook list shows whether receipts can reach us; to send a second copy: "
            f"smsgw replay --id {found.id} --allow-duplicates --because …",
        )
    return Obstacle(
        Kind.RECEIPT,
        "the provider has accepted it; it waits for the carrier's receipt, and is called unconfirmed after that time",
        found.unconfirmed_at,
    )


def _expired(found: Facts) -> list[Obstacle]:
    if found.expires_at > found.now or found.route is not None:
        return []
    return [
        Obstacle(
            Kind.EXPIRED, "its time to live is over: the next sweep ends it as expired", mend="smsgw replay --new-ttl"
        )
    ]


def _uncertain(message: MessageRow, found: Facts) -> list[Obstacle]:
    if message.state != State.UNCERTAIN:
        return []
    others = f" with {found.members - 1} others in its request" if found.members and found.members > 1 else ""
    looked = "" if found.looked_at is None else "; the provider's listing was read and does not have it"
    says = f"nobody knows whether it was sent{others}: {message.reason or 'an attempt may have arrived'}{looked}"
    if found.horizon_ends is not None and found.horizon_ends > found.now:
        mend = f"until then without a risk: smsgw replay --id {found.id}; or smsgw resolve {found.id} --as …"
        return [Obstacle(Kind.UNCERTAIN, says, found.horizon_ends, mend)]
    return [Obstacle(Kind.UNCERTAIN, says, None, f"smsgw resolve {found.id} --as accepted, failed or resend")]


def _lease(found: Facts) -> list[Obstacle]:
    if not found.leased:
        return []
    began = "" if found.attempt_began is None else f" since {found.attempt_began:%H:%M:%S}"
    says = f"{found.worker} is sending it{began}; if it does not come back, another one asks again under the same id"
    return [Obstacle(Kind.LEASE, says, found.due_at)]


def _held(found: Facts, standing: Status) -> list[Obstacle]:
    obstacles = []
    for pause in standing.pauses:
        hit = {
            "all": True,
            "route": True,
            "lane": pause.subject == found.lane,
            "tenant": pause.subject == found.tenant,
            "tag": found.route is None and _tagged(found, pause.subject),
        }[pause.scope]
        if hit:
            name = f"{pause.scope} {pause.subject}".strip()
            says = f"{name} is paused by {pause.actor} since {pause.paused_at:%Y-%m-%d %H:%M}: {pause.reason}"
            obstacles.append(Obstacle(Kind.PAUSE, says, pause.expires_at, f"smsgw resume {name}"))
    return obstacles


def _tagged(found: Facts, subject: str) -> bool:
    """Whether a message carries what a pause of scope `tag` names; as smsgw.has_tag has it."""
    tags = found.tags or {}
    key, equals, value = subject.partition("=")
    return subject in tags or (bool(equals) and tags.get(key) == value)


def _nobody(standing: Status) -> list[Obstacle]:
    if any(one.silent < SILENT and Component.DISPATCH in one.duties for one in standing.replicas):
        return []
    return [Obstacle(Kind.NOBODY_SENDS, "no process that sends is running", mend="start one: smsgw run")]


def _breaker(standing: Status) -> list[Obstacle]:
    return [
        Obstacle(
            Kind.BREAKER,
            f"the way to {route.name} gives no answers ({route.last_error}); one request at a time is tried",
            route.retry_at,
            "nothing, it closes by itself; look at the network and the provider's status page",
        )
        for route in standing.routes
        if route.opened_at is not None
    ]


def _waiting(found: Facts) -> list[Obstacle]:
    obstacles = []
    if found.not_before > found.now:
        obstacles.append(Obstacle(Kind.SCHEDULE, "it is scheduled for later", found.not_before))
    if found.suppressed:
        says = "its number is suppressed: the next claim ends it"
        obstacles.append(Obstacle(Kind.SUPPRESSED, says, mend="only with the person's consent: smsgw suppress remove"))
    if found.behind is not None:
        says = f"message {found.behind} is in front of it under the same order key, and is not accepted yet"
        obstacles.append(Obstacle(Kind.ORDER_KEY, says, mend=f"smsgw messages why {found.behind}"))
    return obstacles


def _retry(message: MessageRow, found: Facts) -> list[Obstacle]:
    if found.due_at is None or found.due_at <= found.now:
        return []
    after = f" after {message.attempts} attempts" if message.attempts else ""
    return [
        Obstacle(Kind.RETRY, f"it is tried again then{after}: {message.reason or 'no reason is noted'}", found.due_at)
    ]


async def _buckets(
    connection: Connection, found: Facts, standing: Status, now: float, default_sender: int | None
) -> list[Obstacle]:
    sender = found.sender_id or default_sender or _only_sender(standing)
    capped = {lane.name for lane in await lanes.list_lanes(connection) if lane.urgent and lane.cap_percent < 100}
    names = {
        REQUESTS: "the provider's request limit is used up",
        parts_bucket(sender): "the sending number's pace is used up",
        day_bucket(sender): "the sending number's daily cap is used up",
    }
    if found.lane in capped:
        names[lane_bucket(found.lane)] = "the lane's share of the request limit is used up"
    obstacles = []
    for bucket, _ in standing.buckets:
        wait = bucket.wait_for(1.0, now) if bucket.name in names else 0.0
        if wait > 0:
            until = datetime.fromtimestamp(now, UTC) + timedelta(seconds=min(wait, 10**8))
            obstacles.append(Obstacle(Kind.BUCKET, f"{names[bucket.name]} ({bucket.name})", until))
    return obstacles


def _only_sender(standing: Status) -> int | None:
    """Return the account's default number where it is the only one that ever sent."""
    numbers = [bucket.name.partition(":")[2] for bucket, _ in standing.buckets if bucket.name.startswith("parts:")]
    return int(numbers[0]) if len(numbers) == 1 and numbers[0].isdigit() else None


async def _queue(connection: Connection, found: Facts) -> list[Obstacle]:
    if found.held_tag is not None:
        return []
    ahead = await why_facts.ahead(connection, found)
    if not ahead:
        return []
    many = f"{ahead}+" if ahead >= MOST_AHEAD else str(ahead)
    return [
        Obstacle(
            Kind.QUEUE, f"messages in front of it in lane {found.lane}: {many}", mend="smsgw status shows until when"
        )
    ]
