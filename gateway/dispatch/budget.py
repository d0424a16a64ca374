"""What one claim may still take: slots and tokens, under the locks of its transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.domain.bucket import Bucket
from gateway.store.buckets import Limit, parts_bucket


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """What the claim needs of the settings; times in seconds."""

    worker: str
    external_id_prefix: str
    default_sender: int | None
    max_recipients: int
    lease: float
    horizon: float
    start_within: float
    """How long after the claim began an attempt may still go on the wire; part of the limiter's margin."""
    request_limits: tuple[Limit, ...]
    """The buckets of which each request takes one token."""
    parts_limit: Limit | None
    """The pace of one sending number; its name is replaced by the number's own bucket."""

    def limits(self, senders: Iterable[int | None]) -> list[Limit]:
        """Return every bucket that a claim with these senders has to do with."""
        limits = list(self.request_limits)
        pace = self.parts_limit
        if pace is not None:
            limits += [
                Limit(parts_bucket(sender), pace.allowance, pace.period, pace.margin, pace.paced) for sender in senders
            ]
        return limits


@dataclass(slots=True)
class Budget:
    """Tokens and slots that are left; all or none are taken for a request."""

    now: float
    """The database's time, in seconds of the epoch."""
    buckets: dict[str, Bucket]
    slots: int
    per_request: tuple[str, ...]
    changed: set[str] = field(default_factory=set)

    def parts_left(self, sender_id: int | None) -> float:
        """Return what the sender's pace allows now; without a pace, everything."""
        bucket = self.buckets.get(parts_bucket(sender_id))
        return float("inf") if bucket is None else bucket.available(self.now)

    def spend(self, sender_id: int | None, parts: int) -> None:
        """Take what one request costs; the caller has seen that a slot is free and the sender's pace not used up."""
        for name in self.per_request:
            self._take(name, 1.0)
        self._take(parts_bucket(sender_id), float(parts))
        self.slots -= 1

    def written(self) -> list[Bucket]:
        """Return the buckets that changed, in the order in which they were locked."""
        return [self.buckets[name] for name in sorted(self.changed)]

    def longest_wait(self) -> tuple[str, float]:
        """Return the bucket that holds everything up longest, and for how many seconds."""
        waits = [(bucket.wait_for(1.0, self.now), name) for name, bucket in self.buckets.items()]
        wait, name = max(waits, default=(0.0, ""))
        return name, wait

    def _take(self, name: str, count: float) -> None:
        if name in self.buckets:
            self.buckets[name] = self.buckets[name].taken(count, self.now)
            self.changed.add(name)
