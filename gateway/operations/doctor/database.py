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
"""Seconds between this host's clock and the database's. Decisions use the database's; logs and receipts mix both."""

SMALL = 1000
"""Entries up to which it does not matter how the claim finds its messages."""


async def examine(connection: Connection, *, clock: Callable[[], float] = time.time) -> list[Check]:
    """Return the lines about the database; raises what the database raises when it goes away."""
    found = [await _server(connection), await _clock(connection, clock), await schema(connection)]
    if found[-1].level == "fail":
        return found
    found += await _privileges(connection)
    found += await _indexes(connection)
    found.append(await _plan(connection))
    return [*found, *await _replicas(connection)]


async def schema(connection: Connection) -> Check:
    """Return whether the schema is the one of this release."""
    name = "schema"
    try:
        missing = await migrate.pending(connection)
    except MigrationError as error:
        return fail(name, str(error), "run the release that fits the database")
    if missing:
        return fail(name, f"lacks {', '.join(missing)}", "smsgw migrate")
    return ok(name, f"is that of release {gateway.__version__}")


async def _server(connection: Connection) -> Check:
    session = await health.session(connection)
    version = f"Postgres {session.version // 10000}.{session.version % 10000}"
    if session.version < OLDEST_SERVER:
        return fail("server", f"{version} is too old", "use Postgres 14 or newer")
    if session.standby:
        return fail("server", f"{version} is a standby and takes no writes", "point SMSGW_DATABASE_URL at the primary")
    return ok("server", f"{version}, takes writes")


async def _clock(connection: Connection, clock: Callable[[], float]) -> Check:
    before = clock()
    there = (await health.session(connection)).now
    after = clock()
    # Somewhere between the two readings: only what lies outside is a difference for certain.
    difference = max(before - there, there - after, 0.0)
    says = f"{difference:.1f} s between this host and the database"
    if difference > CLOCK_FAIL:
        return fail("clock", says, "set both clocks by NTP: receipts and logs cannot be put in order")
    if difference > CLOCK_WARN:
        return warn("clock", says, "set both clocks by NTP")
    return ok("clock", says)


async def _privileges(connection: Connection) -> list[Check]:
    found = await health.privileges(connection)
    if found.missing and found.operator:
        first = ok("privileges", f"{found.role} has what an operator needs; ask again as the gateway's own role")
    elif found.missing:
        lacking = ", ".join(found.missing[:4]) + (" …" if len(found.missing) > 4 else "")
        first = fail("privileges", f"{found.role} lacks {lacking}", f"grant smsgw_gateway to {found.role}")
    elif found.superuser:
        first = warn(
            "privileges",
            f"{found.role} is a superuser",
            "make a role that is granted smsgw_gateway and nothing more, and have the gateway use it",
        )
    else:
        first = ok("privileges", f"{found.role} has what the gateway needs")
    if found.may_rewrite_the_log:
        second = warn(
            "operator log",
            f"{found.role} may rewrite it" + (", as the owner of the tables" if found.owner else ""),
            "run the gateway and the commands as roles that are granted smsgw_gateway or smsgw_operator",
        )
    else:
        second = ok("operator log", "can only grow")
    return [first, second]


async def _indexes(connection: Connection) -> list[Check]:
    found = await health.indexes(connection)
    broken = [index.name for index in found if not index.valid]
    names = {index.name for index in found}
    missing = [name for name in ("outbox_waiting", "request_due", "outbox_expiring") if name not in names]
    if missing:
        return [fail("indexes", f"{', '.join(missing)} is not there", "restore it as the migrations make it")]
    if broken:
        return [fail("indexes", f"{', '.join(broken)} is not valid", "reindex index concurrently smsgw.NAME")]
    return [ok("indexes", f"{len(found)}, all valid")]


async def _plan(connection: Connection) -> Check:
    name = "claim plan"
    waiting = next(index for index in await health.indexes(connection) if index.name == "outbox_waiting")
    try:
        plan = await health.claim_plan(connection, "default")
    except asyncpg.InsufficientPrivilegeError:
        return warn(name, "this role may not ask for it", "ask again as the gateway's own role")
    used = any(node.index == "outbox_waiting" for node in plan)
    scans = [node for node in plan if node.kind == "Seq Scan" and node.relation == "outbox"]
    if used and not scans:
        return ok(name, "goes by outbox_waiting")
    tables = {table.name: table for table in await health.tables(connection)}
    if waiting.entries <= SMALL and tables["outbox"].live <= SMALL:
        return ok(name, "scans a table that is small; by outbox_waiting when it has grown")
    return fail(name, "does not go by outbox_waiting", "analyze smsgw.outbox; then run the doctor again")


async def _replicas(connection: Connection) -> list[Check]:
    found = (await status.status(connection)).replicas
    alive = [one for one in found if one.silent < SILENT]
    sending = [one for one in alive if Component.DISPATCH in one.duties]
    lines = []
    if not sending:
        lines.append(warn("replicas", "no process that sends is running", "start one: smsgw run"))
    else:
        lines.append(ok("replicas", f"{len(alive)} alive, {len(sending)} of them send"))
    silent = [one.worker for one in found if one.silent >= SILENT]
    if silent:
        lines.append(
            warn(
                "silent replicas",
                f"{', '.join(silent[:3])} without a heartbeat",
                "they were killed, or hang: look there",
            )
        )
    versions = sorted({one.version for one in alive})
    if len(versions) > 1 or (versions and versions != [gateway.__version__]):
        says = f"running: {', '.join(versions)}; this command: {gateway.__version__}"
        lines.append(warn("releases", says, "finish the upgrade: one release everywhere"))
    elif versions:
        lines.append(ok("releases", f"{versions[0]} everywhere"))
    return lines
