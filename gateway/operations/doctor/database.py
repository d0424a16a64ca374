"""Whether the database is as the gateway needs it."""

import time
from collections.abc import Callable

import asyncpg

import gateway
from gateway.domain.components import Component
from gateway.operations.doctor.checks import Check, fail, ok, warn
from gateway.operations.status import SILENT
from gateway.store import health, migrate, status
from gateway.store.migrate import MigrationError
from gateway.store.pool import Connection

OLDEST_SERVER = 140000

CLOCK_WARN = 2.0
CLOCK_FAIL = 60.0
"""Seconds between the clocks of this host and the database. Decisions use the latter; logs and receipts use both."""

SMALL = 1000
"""Entries below which a sequential scan by the claim is harmless."""


async def run_checks(connection: Connection, *, clock: Callable[[], float] = time.time) -> list[Check]:
    """Return the checks of the database. Raises the database's own error if it becomes unavailable."""
    found = [await _server(connection), await _clock(connection, clock), await schema(connection)]
    if found[-1].level == "fail":
        return found
    found += await _privileges(connection)
    found += await _indexes(connection)
    found.append(await _plan(connection))
    return [*found, *await _replicas(connection)]


async def schema(connection: Connection) -> Check:
    """Return whether the schema is that of this release."""
    name = "schema"
    try:
        missing = await migrate.pending(connection)
    except MigrationError as error:
        return fail(name, str(error), "run the release that matches the database")
    if missing:
        return fail(name, f"missing migrations: {', '.join(missing)}", "smsgw migrate")
    return ok(name, f"matches release {gateway.__version__}")


async def _server(connection: Connection) -> Check:
    session = await health.session(connection)
    version = f"Postgres {session.version // 10000}.{session.version % 10000}"
    if session.version < OLDEST_SERVER:
        return fail("server", f"{version} is too old", "use Postgres 14 or newer")
    if session.standby:
        return fail("server", f"{version} is a read-only standby", "set SMSGW_DATABASE_URL to the primary")
    return ok("server", f"{version}, accepts writes")


async def _clock(connection: Connection, clock: Callable[[], float]) -> Check:
    before = clock()
    there = (await health.session(connection)).now
    after = clock()
    # The database read its clock between our two readings. Only what lies outside them is a certain difference.
    difference = max(before - there, there - after, 0.0)
    message = f"{difference:.1f} s between this host and the database"
    if difference > CLOCK_FAIL:
        return fail("clock", message, "synchronise both clocks with NTP; receipts and logs cannot be ordered")
    if difference > CLOCK_WARN:
        return warn("clock", message, "synchronise both clocks with NTP")
    return ok("clock", message)


async def _privileges(connection: Connection) -> list[Check]:
    found = await health.privileges(connection)
    if found.missing and found.operator:
        first = ok(
            "privileges",
            f"{found.role} has what an operator needs; to check the gateway's role, run the doctor with it",
        )
    elif found.missing:
        lacking = ", ".join(found.missing[:4]) + (" …" if len(found.missing) > 4 else "")
        first = fail("privileges", f"{found.role} lacks {lacking}", f"run in psql: grant smsgw_gateway to {found.role}")
    elif found.superuser:
        first = warn(
            "privileges",
            f"{found.role} is a superuser",
            "create a role that is granted only smsgw_gateway, and let the gateway use it",
        )
    else:
        first = ok("privileges", f"{found.role} has what the gateway needs")
    if found.may_rewrite_the_log:
        second = warn(
            "operator log",
            f"{found.role} may change it" + (", because it owns the tables" if found.owner else ""),
            "run the gateway and the commands as roles that are granted smsgw_gateway or smsgw_operator",
        )
    else:
        second = ok("operator log", "append-only")
    return [first, second]


async def _indexes(connection: Connection) -> list[Check]:
    found = await health.indexes(connection)
    broken = [index.name for index in found if not index.valid]
    names = {index.name for index in found}
    missing = [name for name in health.HOT_INDEXES if name not in names]
    if missing:
        return [fail("indexes", f"missing: {', '.join(missing)}", "create it as in the migrations (sql/migrations)")]
    if broken:
        return [
            fail(
                "indexes", f"invalid: {', '.join(broken)}", f"run in psql: reindex index concurrently smsgw.{broken[0]}"
            )
        ]
    return [ok("indexes", f"{len(found)}, all valid")]


async def _plan(connection: Connection) -> Check:
    name = "claim plan"
    waiting = next(index for index in await health.indexes(connection) if index.name == health.CLAIM_INDEX)
    try:
        plan = await health.claim_plan(connection, "default")
    except asyncpg.InsufficientPrivilegeError:
        return warn(name, "this role may not read it", "run the doctor with the gateway's role")
    used = any(node.index == health.CLAIM_INDEX for node in plan)
    scans = [node for node in plan if node.kind == "Seq Scan" and node.relation == "outbox"]
    if used and not scans:
        return ok(name, f"uses {health.CLAIM_INDEX}")
    tables = {table.name: table for table in await health.tables(connection)}
    if waiting.entries <= SMALL and tables["outbox"].live <= SMALL:
        return ok(name, f"scans the outbox, which is small; uses {health.CLAIM_INDEX} once it is larger")
    return fail(
        name, f"does not use {health.CLAIM_INDEX}", "run in psql: analyze smsgw.outbox; then run the doctor again"
    )


async def _replicas(connection: Connection) -> list[Check]:
    found = await status.replicas(connection)
    alive = [one for one in found if one.silent < SILENT]
    sending = [one for one in alive if Component.DISPATCH in one.components]
    lines = []
    if not sending:
        lines.append(warn("replicas", "no worker that sends is running", "smsgw run"))
    else:
        lines.append(ok("replicas", f"{len(alive)} running, {len(sending)} of them sending"))
    silent = [one.worker for one in found if one.silent >= SILENT]
    if silent:
        lines.append(
            warn(
                "silent replicas",
                f"no heartbeat from {', '.join(silent[:3])}",
                "check whether these processes were killed or hang",
            )
        )
    versions = sorted({one.version for one in alive})
    if len(versions) > 1 or (versions and versions != [gateway.__version__]):
        message = f"running: {', '.join(versions)}; this command: {gateway.__version__}"
        lines.append(warn("releases", message, "finish the upgrade, so that every process runs one release"))
    elif versions:
        lines.append(ok("releases", f"{versions[0]} everywhere"))
    return lines
