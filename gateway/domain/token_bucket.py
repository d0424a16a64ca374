"""Token buckets that keep the limit of a *window*.

A provider may allow 25 requests in any 15 seconds. A bucket of 25 tokens, refilled at 25/15 per second, breaks that
limit: a full bucket and its refill together allow 50 requests in one window. In any interval of length `t` a bucket
allows at most `burst + rate × t`, so the rule for every windowed bucket here is

    burst + rate × (period + margin) ≤ allowance

The `margin` is needed because the provider counts arrivals and we count claims. A request claimed at `c` arrives in
`[c, c + margin]`. The worker ensures this: it releases the attempts that it could not start in time
(`gateway.dispatch.sender`). So arrivals within one period come from claims within `period + margin`.

A *paced* bucket protects a queue inside the provider, not a window. What exceeds it is not refused but queued. So its
rate is the full `allowance / period`, its burst is two seconds of that rate, and one message may borrow tokens.

All times are in seconds of the database's clock, the only clock that the replicas share.
"""

from dataclasses import dataclass, replace

BURST_SHARE = 0.1
"""Share of a windowed allowance that may be used at once. By the rule above, more burst means less sustained rate."""

PACED_BURST_SECONDS = 2.0
"""A paced bucket holds the tokens of this many seconds. So long may the provider's own queue get, and so long may an
urgent message wait in it."""

SLOW_START_SECONDS = 60.0
SLOW_START_FACTOR = 0.25
"""After a 429 the rate starts at this factor and grows to the whole rate within `SLOW_START_SECONDS`."""

CLOCK_SET_BACK_SECONDS = 60.0
"""The database's clock may be behind `counted_at` by less than this, because a claim read it before it waited for the
lock. If it is behind by more, the clock was set back, or belongs to another host after a failover. To wait until it
catches up could take hours."""

RATE_FACTOR_DECREASE = 0.5
RATE_FACTOR_INCREASE = 0.05
MIN_RATE_FACTOR = 0.1
"""A 429 halves the rate factor, and each period without a 429 adds a twentieth: multiplicative decrease, additive
increase. The factor never falls below the minimum."""


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
    rate_factor: float = 1.0
    """The share of the rate in use at `throttled_at`. It grows from then on."""
    blocked_until: float | None = None
    throttled_at: float | None = None
    slow_start_at: float | None = None
    """When the last slow start began or will begin."""

    @property
    def burst(self) -> float:
        """Maximum number of tokens in the bucket."""
        if self.paced:
            return max(1.0, PACED_BURST_SECONDS * self.allowance / self.period)
        return max(1.0, float(round(BURST_SHARE * self.allowance)))

    @property
    def rate(self) -> float:
        """Tokens per second at a rate factor of 1."""
        if self.paced:
            return self.allowance / self.period
        # The burst uses up an allowance of one. Half a token per window still keeps the count at one, since requests
        # are whole: floor(1 + 0.5).
        return max(self.allowance - self.burst, 0.5) / (self.period + self.margin)

    def rate_at(self, now: float) -> float:
        """Tokens per second at `now`: the rate, reduced by the rate factor and by a slow start."""
        if self.blocked_until is not None and now < self.blocked_until:
            return 0.0
        factor = self.rate_factor_at(now)
        if self.slow_start_at is not None:
            ramp = min(1.0, max(0.0, now - self.slow_start_at) / SLOW_START_SECONDS)
            factor *= SLOW_START_FACTOR + (1.0 - SLOW_START_FACTOR) * ramp
        return self.rate * factor

    def refilled(self, now: float) -> "Bucket":
        """Return the bucket with the tokens that were added up to `now`.

        The rate at the *start* of the interval is used for all of it. The rate only grows during the interval, so this
        errs on the safe side, by less than a token for a worker that claims regularly.
        """
        if self.counted_at - now > CLOCK_SET_BACK_SECONDS:
            return self._shifted_back(self.counted_at - now)
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

        Raises `ValueError` when a windowed bucket does not hold them. The caller asked `available` first, under the
        row's lock, so this is a bug, and it must not break the limit.
        """
        bucket = self.refilled(now)
        if not self.paced and count > bucket.available(now) + 1e-9:
            raise ValueError(f"bucket {self.name}: {count} tokens requested, {bucket.available(now):.3f} available")
        return replace(bucket, tokens=bucket.tokens - count)

    def wait_for(self, count: float, now: float) -> float:
        """Return the seconds from `now` until `count` tokens are available if none are taken; 0.0 if they are now."""
        wanted = min(count, self.burst)
        bucket = self.refilled(now)
        start = max(now, bucket.blocked_until or 0.0)
        missing = wanted - bucket.tokens
        if missing <= 0:
            return start - now
        return start - now + missing / bucket.rate_at(start)

    def after_throttle(self, retry_after: float, now: float) -> "Bucket":
        """Return the bucket after the provider answered 429 at `now`.

        It gives no token for `retry_after` seconds. Then the slow start begins. The rate factor is reduced once per
        period, however many requests were in flight: they all met the same full window.
        """
        bucket = self.refilled(now)
        until = max(now + retry_after, bucket.blocked_until or 0.0)
        blocked = replace(bucket, tokens=min(bucket.tokens, 0.0), blocked_until=until, slow_start_at=until)
        if bucket.throttled_at is not None and now - bucket.throttled_at < self.period:
            return blocked
        factor = max(MIN_RATE_FACTOR, RATE_FACTOR_DECREASE * bucket.rate_factor_at(now))
        return replace(blocked, rate_factor=factor, throttled_at=now)

    def rate_factor_at(self, now: float) -> float:
        """Return the rate factor at `now`, without the slow start."""
        if self.throttled_at is None:
            return 1.0
        return min(1.0, self.rate_factor + RATE_FACTOR_INCREASE * (max(0.0, now - self.throttled_at) // self.period))

    def after_rate_headers(self, remaining: float, reset_after: float, now: float) -> "Bucket":
        """Return the bucket after an answer reported how much remains in the provider's window, and until when.

        This only lowers the tokens: another program on the account used some of the window. If nothing remains, the
        bucket gives no token before the reset. This is not a 429: the rate factor stays, and there is no slow start.
        """
        bucket = self.refilled(now)
        lowered = replace(bucket, tokens=min(bucket.tokens, remaining))
        if remaining >= 1.0:
            return lowered
        return replace(lowered, blocked_until=max(now + reset_after, bucket.blocked_until or 0.0))

    def _shifted_back(self, seconds: float) -> "Bucket":
        """Return the bucket for a clock that was set back by `seconds`: the same state, and no token gained."""

        def earlier(moment: float | None) -> float | None:
            return None if moment is None else moment - seconds

        return replace(
            self,
            counted_at=self.counted_at - seconds,
            blocked_until=earlier(self.blocked_until),
            throttled_at=earlier(self.throttled_at),
            slow_start_at=earlier(self.slow_start_at),
        )
