"""Lets a test step the wall clock of one child process: the file named by CHAOS_CLOCK holds the offset in seconds.

Only `time.time` and `time.time_ns`: a monotonic clock never steps, whatever happens to the time of day.
"""

import os
import time

_path = os.environ.get("CHAOS_CLOCK")

if _path:
    _true, _true_ns, _monotonic = time.time, time.time_ns, time.monotonic
    _state = [0.0, 0.0]

    def _offset() -> float:
        now = _monotonic()
        if now >= _state[1]:
            _state[1] = now + 0.05
            try:
                with open(_path, encoding="ascii") as file:  # noqa: PTH123  at every start of the interpreter: nothing heavy
                    _state[0] = float(file.read() or 0.0)
            except (OSError, ValueError):
                pass
        return _state[0]

    time.time = lambda: _true() + _offset()
    time.time_ns = lambda: _true_ns() + int(_offset() * 1e9)
