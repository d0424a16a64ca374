"""The local clock for deadlines of this process: how long it holds a lease, and until when it may send.

On Linux `time.monotonic` does not advance while the machine sleeps. After a closed lid or a suspended virtual machine,
everything claimed before would still seem fresh, and would be sent long after other workers saw its lease end.
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
"""Seconds since some moment. It never goes back, and it advances while the machine sleeps."""
