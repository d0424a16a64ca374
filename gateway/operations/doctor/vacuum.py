"""Whether Postgres can vacuum the gateway's tables. A queue that is never vacuumed gets slower every hour."""

from gateway.operations.doctor.checks import Check, ok, warn
from gateway.store import health
from gateway.store.health import Holder, Index, Table
from gateway.store.pool import Connection

OLD_SNAPSHOT = 300.0
"""Seconds. The gateway holds no transaction longer than its statements; see `gateway.store.pool`."""

OLD_AGE = 1_000_000
"""Transactions, if the seconds are not known."""

DEAD_SHARE = 0.3
DEAD_MIN = 20_000
"""From these a table gets a warning: dead rows are a third of it, and more than autovacuum tolerates."""

BLOATED_MIN = 64 * 1024 * 1024
BLOATED_ENTRY = 400
"""Bytes of an index, and bytes for each entry, from which it gets a warning. A healthy index has 40 to 120."""


async def run_checks(connection: Connection) -> list[Check]:
    """Return the checks of vacuum."""
    session = await health.session(connection)
    return [
        _snapshots(await health.holders(connection), sees_all=session.sees_sessions),
        _dead(await health.tables(connection)),
        _bloat(await health.indexes(connection)),
    ]


def _snapshots(found: list[Holder], *, sees_all: bool) -> Check:
    name = "oldest snapshot"
    for one in found:
        if (one.seconds is not None and one.seconds > OLD_SNAPSHOT) or one.age > OLD_AGE:
            since = f"for {one.seconds:.0f} s" if one.seconds is not None else f"for {one.age} transactions"
            return warn(
                name,
                f"{one.holder} has held it {since}; dead rows cannot be removed, and claims get slower",
                "end that session, or drop that replication slot",
            )
    if not sees_all:
        return ok(name, "no session of this role holds one; grant pg_read_all_stats to check the others")
    return ok(name, "no session holds an old one")


def _dead(found: list[Table]) -> Check:
    name = "dead rows"
    bad = [one for one in found if one.dead > DEAD_MIN and one.dead > DEAD_SHARE * (one.live + one.dead)]
    if bad:
        worst = max(bad, key=lambda one: one.dead)
        since = "never" if worst.vacuumed_ago is None else f"{worst.vacuumed_ago:.0f} s ago"
        return warn(
            name,
            f"{worst.dead} in smsgw.{worst.name}, with {worst.live} live rows; last vacuum: {since}",
            f"run in psql: vacuum smsgw.{worst.name}; if dead rows remain, a session holds an old snapshot",
        )
    return ok(name, f"{sum(one.dead for one in found)} in total")


def _bloat(found: list[Index]) -> Check:
    name = "index bloat"
    bad = [one for one in found if one.bytes > BLOATED_MIN and one.bytes > BLOATED_ENTRY * max(1, one.entries)]
    if bad:
        worst = max(bad, key=lambda one: one.bytes)
        return warn(
            name,
            f"{worst.name} has {worst.bytes // 2**20} MB for {max(0, worst.entries)} entries",
            f"run in psql: reindex index concurrently smsgw.{worst.name}",
        )
    return ok(name, f"{sum(one.bytes for one in found) // 2**20} MB of indexes, none bloated")
