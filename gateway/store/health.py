"""The state of the database, as far as the gateway depends on it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from gateway.store.pool import UNAVAILABLE, Connection, Pool
from gateway.store.records import from_row
from gateway.store.sql import query

HOT_TABLES = ("outbox", "request", "attempt", "receipt", "bucket")
"""The tables that are written most."""

CLAIM_INDEX = "outbox_waiting"
HOT_INDEXES = (CLAIM_INDEX, "outbox_expiring", "request_due", "outbox_pkey", "request_pkey")
"""The indexes that every claim and sweep uses. Growth beyond their rows shows that vacuum does not keep up."""


@dataclass(frozen=True, slots=True)
class Session:
    """The server of a session."""

    now: float
    """Seconds of the epoch."""
    version: int
    standby: bool
    sees_sessions: bool


@dataclass(frozen=True, slots=True)
class Privileges:
    """The privileges of the session's role."""

    role: str
    superuser: bool
    owner: bool
    operator: bool
    missing: list[str]
    """What the gateway needs and the role lacks."""
    may_rewrite_the_log: bool


@dataclass(frozen=True, slots=True)
class Index:
    """One index; `entries` as its last vacuum knew, -1 where none has run."""

    table_name: str
    name: str
    valid: bool
    bytes: int
    entries: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one table, as the statistics have them."""

    name: str
    live: int
    dead: int
    vacuumed_ago: float | None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder of an old snapshot."""

    holder: str
    age: int
    """Transactions."""
    seconds: float | None
    """None where only the age is known."""


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step of a plan."""

    kind: str
    relation: str | None
    index: str | None


async def reachable(pool: Pool, seconds: float) -> bool:
    """Whether the database answers within some seconds."""
    try:
        async with asyncio.timeout(seconds), pool.acquire() as connection:
            return bool(await connection.fetchval("select true"))
    except UNAVAILABLE:
        return False


async def answer(connection: Connection) -> None:
    """Return when the database has answered: one round trip, and nothing to do for it."""
    await connection.execute(query("doctor_answer"))


async def session(connection: Connection) -> Session:
    """Return the server of the session."""
    row = await connection.fetchrow(query("doctor_session"))
    assert row is not None  # it is a select without a table  # noqa: S101
    return from_row(Session, row)


async def privileges(connection: Connection) -> Privileges:
    """Return the privileges of the session's role."""
    row = await connection.fetchrow(query("doctor_privileges"))
    assert row is not None  # it is a select without a table  # noqa: S101
    return from_row(Privileges, row)


async def creators_in_public(connection: Connection) -> list[str]:
    """Return the grantees through which the application may create objects in schema public; PUBLIC is everyone."""
    return [row["grantee"] for row in await connection.fetch(query("doctor_public"))]


async def indexes(connection: Connection) -> list[Index]:
    """Return the indexes of our tables."""
    return [from_row(Index, row) for row in await connection.fetch(query("doctor_indexes"))]


async def tables(connection: Connection) -> list[Table]:
    """Return the tables that are written most."""
    return [from_row(Table, row) for row in await connection.fetch(query("doctor_tables"))]


async def holders(connection: Connection) -> list[Holder]:
    """Return the holders of the oldest snapshots, oldest first."""
    return [from_row(Holder, row) for row in await connection.fetch(query("doctor_snapshots"))]


async def claim_plan(connection: Connection, lane: str) -> list[PlanNode]:
    """Return the steps by which the claim finds the messages of a lane, under the plan that serves every claim.

    Plans, and runs nothing. The session's plan setting is put back with the transaction.
    """
    async with connection.transaction():
        await connection.execute("set local plan_cache_mode = force_generic_plan")
        text: Any = await connection.fetchval(
            f"explain (format json) {query('lock_waiting_messages')}", [lane], [""], [0], [100], [False], [None], [None]
        )
    plan = json.loads(text) if isinstance(text, str) else text
    return _nodes(plan[0]["Plan"])


def _nodes(plan: dict[str, Any]) -> list[PlanNode]:
    own = PlanNode(plan["Node Type"], plan.get("Relation Name"), plan.get("Index Name"))
    return [own, *(node for child in plan.get("Plans", ()) for node in _nodes(child))]
