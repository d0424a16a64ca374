"""Token buckets that are right for a limit on a *window*.

A provider that allows 25 requests in any 15 seconds is not kept content by a bucket of 25 refilled at 25/15 a second: a
full bucket and its refill together let 50 through in one window. In any interval of length `t` a bucket lets at most
`burst + rate × t` through, so the rule for every windowed bucket here is

    burst + rate × (period + margin) ≤ allowance

`margin` is there because the provider counts arrivals and we count claims. A request claimed at `c` arrives somewhere
in `[c, c + margin]`; the worker enforces that by giving back what it could not put on the wire in time
(`gateway.dispatch.sender`). Arrivals within one period therefore come from claims within `period + margin`.

A *paced* bucket protects a queue inside the provider instead of a window: exceeding it is not refused, only queued, so
its rate is the full `allowance / period`, its burst is two seconds of that, and one message may borrow.

All times are seconds of the database's clock: the only clock that the replicas share.
"""

from dataclasses import dataclass, replace

BURST_SHARE = 0.1
"""Of a windowed allowance, what may go at once. More burst means less sustained rate, by the rule above."""

PACED_BURST_SECONDS = 2.0
"""How far a paced bucket fills.

How long the provider's own queue may get, and so what an urgent message may wait in it.
"""

SLOW_START_SECONDS = 60.0
SLOW_START_SHARE = 0.25
"""After a 429 the rate starts at this share and grows to all of it within `SLOW_START_SECONDS`."""

CLOCK_STEP = 60.0
"""Seconds. A clock that is behind the last count by less is one that a claim read before it waited for the lock. By
more, it was set, or belongs to another host after a failover: waiting until it catches up could take hours."""

DECREASE = 0.5
INCREASE = 0.05
SMALLEST_SHARE = 0.1
"""A 429 halves the rate in use, each clean period gives a twentieth back: additive up, multiplicative down."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of one limit, as one row of `smsgw.bucket` keeps it for all replicas."""

    name: str
    tokens: float
    counted_at: float
    """When `tokens` was true."""
    allowance: float
    period: float
    margin: float = 0.0
    paced: bool = False
    share: float = 1.0
    """The part of the rate in use at `throttled_at`; grows from there."""
    blocked_until: float | None = None
    throttled_at: float | None = None
    slow_from: float | None = None
    """When the last slow start began or will begin."""

    @property
    def burst(self) -> float:
        """The most tokens the bucket holds."""
        if self.paced:
            return max(1.0, PACED_BURST_SECONDS * self.allowance / self.period)
        return max(1.0, float(round(BURST_SHARE * self.allowance)))

    @property
    def rate(self) -> float:
        """Tokens a second when nothing has gone wrong."""
        if self.paced:
            return self.allowance / self.period
        # An allowance of one leaves nothing beside its burst. Half a token a window still keeps the count at one,
        # since requests are whole: floor(1 + 0.5).
        return max(self.allowance - self.burst, 0.5) / (self.period + self.margin)

    def rate_at(self, now: float) -> float:
        """Tokens a second in use at `now`: the rate, less what 429s and the slow start after them take from it."""
        if self.blocked_until is not None and now < self.blocked_until:
            return 0.0
        share = self.share_at(now)
        if self.slow_from is not None:
            ramp = min(1.0, max(0.0, now - self.slow_from) / SLOW_START_SECONDS)
            share *= SLOW_START_SHARE + (1.0 - SLOW_START_SHARE) * ramp
        return self.rate * share

    def refilled(self, now: float) -> "Bucket":
        """Return the bucket with the tokens that time has brought, counted at `now`.

        The rate at the *start* of the interval is used for all of it. It only grows meanwhile, so this errs on the
        provider's side, and by less than a token for anyone who claims regularly.
        """
        if self.counted_at - now > CLOCK_STEP:
            return self._set_back(self.counted_at - now)
        start = max(self.counted_at, self.blocked_until or 0.0)
        if now <= start:
            return self
        tokens = min(self.burst, self.tokens + (now - start) * self.rate_at(start))
        return replace(self, tokens=tokens, counted_at=now)

    def available(self, now: float) -> float:
        """Return the tokens that may be taken at `now`; never negative."""
        bucket = self.refilled(now)
        if bucket.blocked_until is not None and now < bucket.blocked_until:
            return 0.0
        return max(0.0, bucket.tokens)

    def taken(self, count: float, now: float) -> "Bucket":
        """Return the bucket after `count` tokens were taken at `now`.

        Raises `ValueError` when a windowed bucket does not hold them: the caller asked `available` first, under the
        row's lock, so this is a bug and must not become an overrun.
        """
        bucket = self.refilled(now)
        if not self.paced and count > bucket.available(now) + 1e-9:
            raise ValueError(f"bucket {self.name}: {count} tokens asked, {bucket.available(now):.3f} there")
        return replace(bucket, tokens=bucket.tokens - count)

    def wait_for(self, count: float, now: float) -> float:
        """Return the seconds from `now` until `count` tokens can be there if nobody takes any; 0.0 if they are."""
        wanted = min(count, self.burst)
        bucket = self.refilled(now)
        start = max(now, bucket.blocked_until or 0.0)
        missing = wanted - bucket.tokens
        if missing <= 0:
            return start - now
        return start - now + missing / bucket.rate_at(start)

    def throttled(self, retry_after: float, now: float) -> "Bucket":
        """Return the bucket after the provider answered 429 at `now`.

        Nothing goes for `retry_after` seconds, then the slow start. The rate is cut once a period however many
        requests were in flight: they all met the same full window.
        """
        bucket = self.refilled(now)
        until = max(now + retry_after, bucket.blocked_until or 0.0)
        blocked = replace(bucket, tokens=min(bucket.tokens, 0.0), blocked_until=until, slow_from=until)
        if bucket.throttled_at is not None and now - bucket.throttled_at < self.period:
            return blocked
        share = max(SMALLEST_SHARE, DECREASE * bucket.share_at(now))
        return replace(blocked, share=share, throttled_at=now)

    def share_at(self, now: float) -> float:
        """Return the share of the rate that 429s have left at `now`, the slow start aside."""
        if self.throttled_at is None:
            return 1.0
        return min(1.0, self.share + INCREASE * (max(0.0, now - self.throttled_at) // self.period))

    def told(self, remaining: float, reset_after: float, now: float) -> "Bucket":
        """Return the bucket after a response said how much remains in the provider's window, and until when.

        Only ever downward: somebody else on the account used what we thought was ours. Where nothing remains, nothing
        goes before the reset. It is not a 429: the rate stays, and there is no slow start.
        """
        bucket = self.refilled(now)
        told = replace(bucket, tokens=min(bucket.tokens, remaining))
        if remaining >= 1.0:
            return told
        return replace(told, blocked_until=max(now + reset_after, bucket.blocked_until or 0.0))

    def _set_back(self, step: float) -> "Bucket":
        """Return the bucket for a clock that was set back by `step` seconds: the same state, and nothing gained."""

        def earlier(moment: float | None) -> float | None:
            return None if moment is None else moment - step

        return replace(
            self,
            counted_at=self.counted_at - step,
            blocked_until=earlier(self.blocked_until),
            throttled_at=earlier(self.throttled_at),
            slow_from=earlier(self.slow_from),
        )
