"""`python -m ha`: see `make ha`."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.run import table
from ha.children import missing
from ha.patroni import PatroniCluster
from ha.pgbouncer import PgBouncer, role_settings
from ha.plain import PlainPair
from ha.run import Proof, folder, lines, prove

NEEDED = {
    "patroni": ("postgres", "patroni", "etcd", "haproxy", "pgbouncer"),
    "plain": ("postgres",),
    "frozen": ("postgres", "patroni", "etcd", "haproxy"),
}
LONG = {"frozen"}
"""Runs only with `--only`."""


@asynccontextmanager
async def _cluster(place: Path) -> AsyncIterator[PatroniCluster]:
    cluster = PatroniCluster(place)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()


async def with_patroni(keep: Path) -> bool:
    """Patroni with synchronous replication: through HAProxy, with all hosts in the address, and behind PgBouncer."""
    with folder() as place:
        async with _cluster(place) as cluster:
            name = await cluster.database("proxied")
            events = [("switchover", cluster.switch_over), ("kill -9 of the primary", _kill(cluster))]
            (place / "1").mkdir()
            proof = await prove(place / "1", cluster.through_proxy(name), events, keep=keep / "haproxy")
            clean = show("Patroni, HAProxy", proof)

            await cluster.bring_back()
            name = await cluster.database("searched")
            (place / "2").mkdir()
            events = [("switchover", cluster.switch_over)]
            proof = await prove(place / "2", cluster.all_hosts(name), events, seed=2, keep=keep / "hosts")
            clean &= show("Patroni, every host in the address", proof)

            await cluster.synchronous()
            return clean & await _behind_pgbouncer(place, cluster, keep)


def _kill(cluster: PatroniCluster):
    async def kill() -> float:
        await cluster.synchronous()
        return await cluster.kill_primary()

    return kill


async def _behind_pgbouncer(place: Path, cluster: PatroniCluster, keep: Path) -> bool:
    name = await cluster.database("pooled")
    await cluster.execute(role_settings("postgres"))
    bouncer = PgBouncer(place, cluster.through_proxy())
    bouncer.child.start()

    async def killed() -> float:
        await bouncer.child.end(signal.SIGKILL)
        await asyncio.sleep(1.0)
        bouncer.child.start()
        return time.time()

    try:
        (place / "3").mkdir()
        proof = await prove(
            place / "3",
            bouncer.address(name),
            [("kill -9 of PgBouncer", killed), ("switchover", cluster.switch_over)],
            seed=3,
            direct=cluster.through_proxy(name),
            keep=keep / "pgbouncer",
        )
        return show("Patroni, HAProxy, PgBouncer in transaction mode", proof)
    finally:
        await bouncer.child.end()


async def with_a_plain_pair(keep: Path) -> bool:
    """Two servers; an operator promotes the second one when the first is lost."""
    with folder() as place:
        pair = PlainPair(place)

        async def lost() -> float:
            await pair.first.end(signal.SIGKILL)
            await asyncio.sleep(2.0)
            return await pair.promote()

        try:
            await pair.start()
            (place / "4").mkdir()
            events = [("kill -9 of the primary, pg_promote", lost)]
            return show("two plain servers", await prove(place / "4", pair.all_hosts, events, keep=keep / "plain"))
        finally:
            await pair.stop()


async def with_a_frozen_primary(keep: Path) -> bool:
    """A primary that freezes instead of dying: its sessions stay silent, and only HAProxy closes them."""
    with folder() as place:
        async with _cluster(place) as cluster:
            name = await cluster.database("frozen")
            (place / "5").mkdir()
            events = [("the primary freezes", cluster.freeze_primary)]
            proof = await prove(place / "5", cluster.through_proxy(name), events, seed=5, keep=keep / "frozen")
            return show("Patroni, HAProxy", proof)


def show(title: str, proof: Proof) -> bool:
    """Print a proof; return whether every invariant holds."""
    print(f"{title}:")
    rows = [*lines(proof), *table(proof.run)]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    for found in proof.run.report.violations[:30]:
        print(f"  {found.invariant.value}: {found.what}")
    sys.stdout.flush()
    return proof.clean


def main() -> int:
    """Run the scenarios; 1 if a promise was broken, 2 if a scenario could not run (0 with `--partial`)."""
    parser = argparse.ArgumentParser(prog="ha", description="Take the primary away during a run, then check.")
    parser.add_argument("--only", choices=sorted(NEEDED))
    parser.add_argument("--keep", type=Path, default=Path(".smsgw/ha"), help="where a failed run leaves its logs")
    parser.add_argument("--partial", action="store_true", help="a scenario that cannot run here is not an error")
    given = parser.parse_args()
    clean, not_run = True, []
    scenarios = {"patroni": with_patroni, "plain": with_a_plain_pair, "frozen": with_a_frozen_primary}
    for name, scenario in scenarios.items():
        if given.only != name and (given.only is not None or name in LONG):
            continue
        absent = missing(*NEEDED[name])
        if absent:
            not_run.append(f"{name}: this machine has no {', '.join(absent)}")
            continue
        clean &= asyncio.run(scenario(given.keep.absolute()))
    for sentence in not_run:
        print(f"NOT RUN: ha scenario {sentence}")
    if not clean:
        return 1
    return 2 if not_run and not given.partial else 0


if __name__ == "__main__":
    sys.exit(main())
