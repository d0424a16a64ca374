"""Whether Postgres can tidy up behind the gateway. A queue that is never vacuumed gets slower every hour."""

from gateway.operations.doctor.checks import Check, ok, warn
from gateway.store import health
from gateway.store.health import Holder, Index, Table
from gateway.store.pool import Connection

OLD_SNAPSHOT = 300.0
"""Seconds. Nothing of ours holds a transaction longer than its statements; see `gateway.store.pool`."""

OLD_AGE = 1_000_000
"""Transactions; where the seconds are not known."""

DEAD_SHARE = 0.3
DEAD_LEAST = 20_000
"""Dead rows from which a table is worth a line: a third of it, and more than the autovacuum lets pass."""

BLOATED_LEAST = 64 * 1024 * 1024
BLOATED_ENTRY = 400
"""Bytes of an index, and bytes for each entry, from which it is worth a line: a sound one has 40 to 120."""


async def examine(connection: Connection) -> list[Check]:
    """Return the lines about vacuum."""
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
                f"{one.holder} has held it {since}: dead rows stay, and claims get slower",
                "end that session, or drop that slot",
            )
    if not sees_all:
        return ok(name, "none of this role's own sessions; grant pg_read_all_stats to see the others'")
    return ok(name, "nobody holds an old one")


def _dead(found: list[Table]) -> Check:
    name = "dead rows"
    bad = [one for one in found if one.dead > DEAD_LEAST and one.dead > DEAD_SHARE * (one.live + one.dead)]
    if bad:
        worst = max(bad, key=lambda one: one.dead)
        since = "never" if worst.vacuumed_ago is None else f"{worst.vacuumed_ago:.0f} s ago"
        return warn(
            name,
            f"{worst.dead} in smsgw.{worst.name} beside {worst.live} live ones; vacuumed {since}",
            f"vacuum smsgw.{worst.name}; if they stay, somebody holds an old snapshot",
        )
    return ok(name, f"{sum(one.dead for one in found)} in all")


def _bloat(found: list[Index]) -> Check:
    name = "index bloat"
    bad = [one for one in found if one.bytes > BLOATED_LEAST and one.bytes > BLOATED_ENTRY * max(1, one.entries)]
    if bad:
        worst = max(bad, key=lambda one: one.bytes)
        return warn(
            name,
            f"{worst.name} has {worst.bytes // 2**20} MB for {max(0, worst.entries)} entries",
            f"reindex index concurrently smsgw.{worst.name}",
        )
    return ok(name, f"{sum(one.bytes for one in found) // 2**20} MB of indexes, none bloated")
