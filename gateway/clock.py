"""The local clock by which this process keeps its promises: how long a lease is its own, and until when it may send.

`time.monotonic` stands still on Linux while the machine sleeps: after a closed lid, or a virtual machine that was
suspended, everything claimed before would still look fresh, and would be sent long after its lease has ended elsewhere.
"""

import time
from collections.abc import Callable


def _choose() -> Callable[[], float]:
    # Linux counts sleep in CLOCK_BOOTTIME; macOS counts it in CLOCK_MONOTONIC, though not in time.monotonic().
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        clock = getattr(time, name, None)
        if clock is not None:
            return lambda: time.clock_gettime(clock)
    return time.monotonic


monotonic = _choose()
"""Seconds since some moment; never goes back, and goes on while the machine sleeps."""
