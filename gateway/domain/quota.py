"""A quota: a cap for a long period. All of it may be used at once, at any time of the period.

A token bucket that keeps a daily limit in *any* 24 hours must trickle: what it allows at once is taken from its rate. A
campaign needs the opposite. So a quota counts the use in each 24th of its period and adds up. Any interval as long as
the period touches at most 25 slices, and their sum never exceeds the allowance. What was used comes back one slice at a
time, at most one slice (an hour of a day) later than necessary.
"""

from dataclasses import dataclass, replace

SLICES_PER_PERIOD = 24
"""More slices would give capacity back sooner and make the row longer."""

NO_USAGE = (0.0,) * (SLICES_PER_PERIOD + 1)


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of one quota, as one row of `smsgw.bucket` keeps it for all replicas, in the database's time."""

    name: str
    allowance: float
    period: float
    usage_slices: tuple[float, ...] = NO_USAGE
    """The use in the slices up to `newest_slice`, oldest first."""
    newest_slice: int = 0
    """Number of the newest slice, counted from the epoch."""

    def at(self, now: float) -> "Quota":
        """Return the quota with the slices that count at `now`. A clock that was set back changes nothing."""
        number = int(now // self._slice_seconds)
        passed = number - self.newest_slice
        if passed <= 0:
            return self
        kept = self.usage_slices[min(passed, len(self.usage_slices)) :]
        return replace(self, usage_slices=kept + (0.0,) * (len(NO_USAGE) - len(kept)), newest_slice=number)

    def available(self, now: float) -> float:
        """Return what may still be used at `now`; never negative."""
        return max(0.0, self.allowance - sum(self.at(now).usage_slices))

    def taken(self, count: float, now: float) -> "Quota":
        """Return the quota after `count` was used at `now`."""
        quota = self.at(now)
        return replace(quota, usage_slices=(*quota.usage_slices[:-1], quota.usage_slices[-1] + count))

    def wait_for(self, count: float, now: float) -> float:
        """Return the seconds from `now` until `count` may be used if nothing else is; 0.0 if it may be used now."""
        quota = self.at(now)
        missing = min(count, self.allowance) - (self.allowance - sum(quota.usage_slices))
        if missing <= 0:
            return 0.0
        for index, used in enumerate(quota.usage_slices):
            missing -= used
            if missing <= 0:
                # A slice is dropped when as many new ones have begun as there are after it.
                return (quota.newest_slice + index + 1) * self._slice_seconds - now
        return self.period

    def rate_at(self, now: float) -> float:
        """Return the allowance per second, averaged over the period."""
        del now
        return self.allowance / self.period

    @property
    def counted_at(self) -> float:
        """When the newest slice began."""
        return self.newest_slice * self._slice_seconds

    @property
    def _slice_seconds(self) -> float:
        return self.period / SLICES_PER_PERIOD
