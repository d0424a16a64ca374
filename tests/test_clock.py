"""The local clock of leases and deadlines."""

import time

from gateway.clock import monotonic


def test_it_never_goes_back() -> None:
    moments = [monotonic() for _ in range(1000)]
    assert moments == sorted(moments)


def test_it_counts_the_sleep_of_the_machine_where_the_system_can_tell() -> None:
    if hasattr(time, "CLOCK_BOOTTIME"):
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert before <= monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)
