"""A cap on a long period: so much in any day, whenever in the day it is wanted.

A token bucket that keeps a daily limit in *any* 24 hours must trickle: what it lets through at once it must take from
its rate. A campaign wants the opposite. So a quota counts what went in each 24th of its period and adds up: any
interval as long as the period touches at most 25 slices, and the sum of those never passes the allowance. What was used
comes back an hour at a time, at the latest one hour after it could have.
"""

from dataclasses import dataclass, replace

SLICES = 24
"""Of a period. More would give back sooner and make the row longer."""

EMPTY = (0.0,) * (SLICES + 1)


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of one cap, as one row of `smsgw.bucket` keeps it for all replicas. Times are the database's."""

    name: str
    allowance: float
    period: float
    slices: tuple[float, ...] = EMPTY
    """What went in the slices up to `latest`, oldest first."""
    latest: int = 0
    """Number of the newest slice, counted from the epoch."""

    def at(self, now: float) -> "Quota":
        """Return the quota with the slices that `now` looks back on. A clock that went back changes nothing."""
        number = int(now // self._length)
        passed = number - self.latest
        if passed <= 0:
            return self
        kept = self.slices[min(passed, len(self.slices)) :]
        return replace(self, slices=kept + (0.0,) * (len(EMPTY) - len(kept)), latest=number)

    def available(self, now: float) -> float:
        """Return what may still go at `now`; never negative."""
        return max(0.0, self.allowance - sum(self.at(now).slices))

    def taken(self, count: float, now: float) -> "Quota":
        """Return the quota after `count` went at `now`."""
        quota = self.at(now)
        return replace(quota, slices=(*quota.slices[:-1], quota.slices[-1] + count))

    def wait_for(self, count: float, now: float) -> float:
        """Return the seconds from `now` until `count` may go if nobody takes any; 0.0 if it may."""
        quota = self.at(now)
        missing = min(count, self.allowance) - (self.allowance - sum(quota.slices))
        if missing <= 0:
            return 0.0
        for index, used in enumerate(quota.slices):
            missing -= used
            if missing <= 0:
                # The slice is forgotten when as many new ones have begun as there are behind it.
                return (quota.latest + index + 1) * self._length - now
        return self.period

    def rate_at(self, now: float) -> float:
        """Return what may go in a second, averaged over the period."""
        del now
        return self.allowance / self.period

    @property
    def counted_at(self) -> float:
        """When the newest slice began."""
        return self.latest * self._length

    @property
    def _length(self) -> float:
        return self.period / SLICES
