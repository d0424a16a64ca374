"""What one claim may still use: slots and tokens, under the locks of its transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.domain.quota import Quota
from gateway.domain.token_bucket import Bucket
from gateway.provider.protocol import Provider
from gateway.store.buckets import Limit, day_bucket, lane_bucket, parts_bucket
from gateway.store.claims import QueueHead


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. It may be changed while the gateway runs."""

    route: str
    per_request: tuple[Limit, ...]
    """The buckets from which each request takes one token."""
    parts: Limit | None = None
    """The pace of one sender. Its name is replaced by the name of the sender's own bucket."""
    parts_per_day: Limit | None = None
    """The quota of one sender. Its name is replaced likewise."""

    def of_sender(self, sender: int | None) -> list[Limit]:
        """Return the limits of one sender."""
        limits = []
        if self.parts is not None:
            limits.append(replace(self.parts, name=parts_bucket(self.route, sender)))
        if self.parts_per_day is not None:
            limits.append(replace(self.parts_per_day, name=day_bucket(self.route, sender)))
        return limits

    def of_lane(self, head: QueueHead) -> list[Limit]:
        """Return the cap of an urgent lane, as a percentage of the limit of requests."""
        if not head.urgent or head.cap_percent >= 100:
            return []
        return [
            replace(
                limit,
                name=lane_bucket(self.route, head.lane),
                allowance=max(1.0, limit.allowance * head.cap_percent / 100.0),
                starts_full=True,
            )
            for limit in self.per_request[:1]
        ]

    def with_lane_caps(
        self, locked: dict[str, "Bucket | Quota"], heads: Iterable[QueueHead]
    ) -> dict[str, "Bucket | Quota"]:
        """Return locked buckets, with each lane's cap as a percentage of the limit of requests in the database.

        The settings of this process may be older than those of another replica.
        """
        requests = locked.get(self.per_request[0].name) if self.per_request else None
        found = dict(locked)
        for head in heads:
            cap = locked.get(lane_bucket(self.route, head.lane))
            if isinstance(cap, Bucket) and isinstance(requests, Bucket):
                allowance = max(1.0, requests.allowance * head.cap_percent / 100.0)
                found[cap.name] = replace(cap, allowance=allowance)
        return found


def limits_for(limits: Limits, heads: Iterable[QueueHead], provider: Provider) -> dict[str, Limit]:
    """Return every limit that applies to a claim of these heads, by name."""
    found = {limit.name: limit for limit in limits.per_request}
    for head in heads:
        for limit in (*limits.of_sender(provider.sender(head.sender)), *limits.of_lane(head)):
            found[limit.name] = limit
    return found


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """What the claim needs from the settings. Times are in seconds."""

    worker: str
    max_recipients: int
    lease: float
    horizon: float
    """How long after an attempt that may have arrived the provider is trusted to remember its id."""
    start_within: float
    """How long after the claim began an attempt may still be sent. It is part of the limiter's margin."""

    @property
    def last_claim(self) -> float:
        """How long after such an attempt another one may be claimed, so that it is sent inside the horizon."""
        return self.horizon - self.start_within


@dataclass(slots=True)
class Budget:
    """Slots and tokens that are left. A request takes all that it needs, or nothing."""

    now: float
    """The database's time, in seconds since the epoch."""
    buckets: dict[str, Bucket | Quota]
    slots: int
    per_request: tuple[str, ...]
    route: str
    probe: bool = False
    """The circuit breaker is open and allows a single request, the probe."""
    probe_new_message: bool = False
    """The probe should be a new message: the last probe was a retry, and that request may be what fails."""
    changed: set[str] = field(default_factory=set)

    def slots_of(self, lane: str) -> int:
        """Return how many requests this lane may still open: all slots that are left, or what its cap leaves."""
        bucket = self.buckets.get(lane_bucket(self.route, lane))
        return self.slots if bucket is None else min(self.slots, whole_tokens(bucket.available(self.now)))

    def pace_left(self, sender: int | None) -> float:
        """Return the parts that the sender's pace allows now; infinite without a pace."""
        bucket = self.buckets.get(parts_bucket(self.route, sender))
        return float("inf") if bucket is None else bucket.available(self.now)

    def quota_left(self, sender: int | None) -> float:
        """Return the parts that are left of the sender's day; infinite without a quota."""
        quota = self.buckets.get(day_bucket(self.route, sender))
        return float("inf") if quota is None else quota.available(self.now)

    def may_send(self, sender: int | None) -> bool:
        """Whether the sender may send anything now."""
        return whole_tokens(self.pace_left(sender)) >= 1 and self.quota_left(sender) >= 1

    def spend(self, lane: str, sender: int | None, parts: int) -> None:
        """Take what one request costs. The caller has checked that a slot is free and the sender's pace allows it."""
        for name in (*self.per_request, lane_bucket(self.route, lane)):
            self._take(name, 1.0)
        self._take(parts_bucket(self.route, sender), float(parts))
        self._take(day_bucket(self.route, sender), float(parts))
        self.slots -= 1

    def changed_buckets(self) -> list[Bucket | Quota]:
        """Return the buckets that changed, in the order in which they were locked."""
        return [self.buckets[name] for name in sorted(self.changed)]

    def wait_of(self, lane: str, sender: int | None) -> tuple[float, str]:
        """Return how long a message of this lane and sender must wait for tokens, and for which bucket."""
        names = (
            *self.per_request,
            lane_bucket(self.route, lane),
            parts_bucket(self.route, sender),
            day_bucket(self.route, sender),
        )
        waits = [(self.buckets[name].wait_for(1.0, self.now), name) for name in names if name in self.buckets]
        return max(waits, default=(0.0, ""))

    def request_wait(self) -> float:
        """Return how long every request must wait."""
        return max((self.buckets[name].wait_for(1.0, self.now) for name in self.per_request), default=0.0)

    def _take(self, name: str, count: float) -> None:
        if name in self.buckets:
            self.buckets[name] = self.buckets[name].taken(count, self.now)
            self.changed.add(name)


def whole_tokens(tokens: float) -> int:
    """Return the number of whole tokens. The tiny addition corrects sums such as 0.1 + 0.2."""
    return int(min(tokens, 1e12) + 1e-9)
