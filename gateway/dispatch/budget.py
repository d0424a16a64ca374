"""What one claim may use: tokens that were taken for it, and the parts that its senders may send."""

from dataclasses import dataclass, field, replace

from gateway.store.buckets import Limit, day_bucket, parts_bucket
from gateway.store.limiter import TakenTokens, Token

UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow. It may be changed while the gateway runs."""

    route: str
    requests: Limit
    """Each request takes one token of it."""
    parts: Limit | None = None
    """The pace of one sender. Its name is replaced by the name of the sender's own bucket."""
    parts_per_day: Limit | None = None
    """The daily limit of one sender. Its name is replaced likewise."""

    def of_sender(self, sender: int | None) -> list[Limit]:
        """Return the limits of one sender."""
        limits = []
        if self.parts is not None:
            limits.append(replace(self.parts, name=parts_bucket(self.route, sender)))
        if self.parts_per_day is not None:
            limits.append(replace(self.parts_per_day, name=day_bucket(self.route, sender)))
        return limits


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """What the claim needs from the settings. Times are in seconds."""

    worker: str
    max_recipients: int
    lease: float
    horizon: float
    """How long after an attempt that may have arrived the provider is trusted to remember its id."""
    send_within: float
    """How long after its tokens were taken a request may still be sent."""
    transit: float
    """How long a request that was sent may be on its way to the provider."""

    @property
    def bound_after(self) -> float:
        """How long after its tokens were taken a request may arrive at the provider."""
        return self.send_within + self.transit

    @property
    def last_send(self) -> float:
        """How long after an attempt that may have arrived another may be sent, so that it arrives in the horizon."""
        return self.horizon - self.transit


@dataclass(slots=True)
class Budget:
    """What is left of the tokens of one claim. A request takes all that it needs, or nothing."""

    route: str
    slots: int
    """Requests that this process may still have in flight."""
    taken_before: float
    """A moment of the local clock before the tokens were taken: deadlines that count from it are early, never late."""
    taken_after: float
    tokens: TakenTokens
    urgent: dict[str, int]
    """Requests that each urgent lane may still make."""
    others: int
    """Requests that the other lanes may still make."""
    paces: dict[int | None, float] = field(default_factory=dict)
    """Parts that each sender's pace allows; a sender without a pace is missing."""
    days: dict[int | None, float] = field(default_factory=dict)
    """Parts that are left of each sender's day; a sender without a daily limit is missing."""
    parts_used: dict[int | None, int] = field(default_factory=dict)
    probe: bool = False
    """The circuit breaker is open and allows a single request, the probe."""
    probe_new_message: bool = False
    """The probe should be a new message: the last probe was a retry, and that request may be what fails."""

    @property
    def now(self) -> float:
        """The database's time when the tokens were taken, in seconds since the epoch."""
        return self.tokens.others_token.taken_at.timestamp()

    @property
    def empty(self) -> bool:
        """Whether no request may be made."""
        return self.others <= 0 and not any(self.urgent.values())

    def requests_of(self, lane: str) -> int:
        """Return how many requests this lane may still make."""
        return min(self.slots, self.urgent.get(lane, self.others))

    def requests_of_group(self, *, urgent: bool) -> int:
        """Return how many requests the urgent lanes, or the others, may still make."""
        return min(self.slots, sum(self.urgent.values()) if urgent else self.others)

    def pace_left(self, sender: int | None) -> float:
        """Return the parts that the sender's pace allows now; infinite without a pace."""
        return self.paces.get(sender, UNLIMITED)

    def day_left(self, sender: int | None) -> float:
        """Return the parts that are left of the sender's day; infinite without a daily limit."""
        return self.days.get(sender, UNLIMITED)

    def may_send(self, sender: int | None) -> bool:
        """Whether the sender may send anything now."""
        return self.pace_left(sender) >= 1 and self.day_left(sender) >= 1

    def token(self, lane: str) -> Token:
        """Return the token of a request of this lane."""
        return self.tokens.urgent_token if lane in self.urgent else self.tokens.others_token

    def send_from(self, lane: str) -> float:
        """Return the moment of the local clock from which on a request of this lane may be sent."""
        return self.taken_after + (self.tokens.urgent_in if lane in self.urgent else self.tokens.others_in)

    def spend(self, lane: str, sender: int | None, parts: int) -> None:
        """Use what one request costs. The caller has checked that it is there."""
        self.slots -= 1
        if lane in self.urgent:
            self.urgent[lane] -= 1
        else:
            self.others -= 1
        if sender in self.paces:
            self.paces[sender] -= parts
        if sender in self.days:
            self.days[sender] -= parts
        self.parts_used[sender] = self.parts_used.get(sender, 0) + parts

    def cancel(self) -> None:
        """Make no request: the claim was rolled back, so everything is unused."""
        self.urgent = dict(self.tokens.urgent)
        self.others = self.tokens.others
        for sender, parts in self.parts_used.items():
            if sender in self.paces:
                self.paces[sender] += parts
        self.parts_used = {}
