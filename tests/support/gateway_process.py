"""A process that forks gateways which die at a failpoint.

Importing the gateway takes most of a second, so it is done once: this process imports everything, rewritten by
`support.failpoints`, and forks a gateway for each line of its standard input. Only one gateway runs at a time.

    in   {"settings": {...}, "constants": {...}, "die_at": STEP or null, "occurrence": 1, "record": FILE or null}
    out  {"pid": 4711}, and when the gateway has ended {"code": 86}
"""

import importlib
import json
import os
import sys
import traceback
from collections import Counter
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
from support import failpoints, wire_failpoints


class CrashPoint:
    """The failpoint at which this process dies. A forked child sets its own."""

    def __init__(self) -> None:
        self.die_at: str | None = None
        self.occurrence = 1
        self.record: int | None = None
        self._seen: Counter[str] = Counter()

    def hit(self, name: str) -> bool:
        self._seen[name] += 1
        if self.record is not None and self._seen[name] == 1:
            os.write(self.record, f"{name}\n".encode())
        return name == self.die_at and self._seen[name] == self.occurrence

    def step(self, name: str) -> None:
        if self.hit(name):
            os._exit(wire_failpoints.DIED)


def _set(constants: dict[str, Any]) -> None:
    """Set constants of modules, such as `{"gateway.receipts.applier:POLL_EVERY": 0.1}`."""
    for name, value in constants.items():
        module, _, constant = name.partition(":")
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, value)


def _run(order: dict[str, Any], crash_point: CrashPoint) -> None:
    import uvloop

    from gateway import logs
    from gateway.app.daemon import Daemon
    from gateway.domain.components import Component
    from gateway.settings import load

    crash_point.die_at, crash_point.occurrence = order["die_at"], order.get("occurrence", 1)
    if order.get("record"):
        crash_point.record = os.open(order["record"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    _set(order["constants"])
    os.environ |= order["settings"]
    logs.configure("json", "info")
    uvloop.run(Daemon(load(), frozenset(Component) - {Component.CONSOLE}).run())


def main() -> None:
    crash_point = CrashPoint()
    failpoints.install(crash_point.step)
    importlib.import_module("gateway.app.daemon")
    wire_failpoints.install(crash_point.hit)
    commands, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in commands:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _run(order, crash_point)
                code = 0
            except Exception:  # noqa: BLE001  the test shows any error
                # Printed here, because the `finally` below ends the process.
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        answers.write(json.dumps({"pid": pid}) + "\n")
        answers.flush()
        answers.write(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
