"""`python -m chaos`: see `make chaos`."""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

from chaos.plan import Options
from chaos.run import run, table


def main() -> int:
    """Run once or for hours; 1 if an invariant was violated, with what and where to look."""
    parser = argparse.ArgumentParser(prog="chaos", description="Inject all faults at once, then check.")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of one run, without the time to settle")
    parser.add_argument("--hours", type=float, default=0.0, help="repeat with new seeds for this long")
    parser.add_argument("--seed", type=int, default=None, help="the first seed; without it, one is drawn and printed")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--rate", type=float, default=25.0, help="messages a second")
    parser.add_argument("--no-disk", action="store_true", help="do not fill a disk")
    parser.add_argument("--keep", type=Path, default=Path(".smsgw/chaos"), help="where a failed run leaves its logs")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    end = time.monotonic() + given.hours * 3600.0
    while True:
        options = Options(seed, seconds=given.seconds, replicas=given.replicas, rate=given.rate, disk=not given.no_disk)
        print(f"chaos: seed {seed}, {options.seconds:g} seconds, {options.replicas} replicas", flush=True)
        done = asyncio.run(run(options, given.keep / str(seed)))
        rows = table(done)
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"  {name:<{width}}  {value}")
        for found in done.report.violations[:50]:
            print(f"  {found.invariant.value}: {found.what}")
        for sentence in done.broken[:10]:
            print(f"  {sentence}")
        if not done.clean:
            print(f"  logs and ledger: {given.keep / str(seed)}; again: make chaos CHAOS_SEED={seed}")
            return 1
        if time.monotonic() >= end:
            return 0
        seed += 1


if __name__ == "__main__":
    sys.exit(main())
