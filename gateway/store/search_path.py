"""Keeps names in our statements from meaning what another role wants them to mean.

A plain name of an operator, a function or a type is looked for in every schema of the session's `search_path`, and the
best match for the types wins. A role that may create objects in one of these schemas (in `public`: every role, up to
Postgres 14) could put an operator of theirs under our statements, and it would run with the rights of the gateway.
So every session of ours has only Postgres itself in its search_path, and our names are written with their schema.
"""

from typing import Any

from gateway.store.sql import query

SEARCH_PATH = "pg_catalog, pg_temp"
"""pg_temp comes last. Left out, Postgres looks there first for tables and types."""

PINNED = ("pg_catalog", "pg_catalog, pg_temp")


class SearchPathNotPinned(Exception):
    """A session has another search_path, so no statement may run in it; the message says what to do."""

    def __init__(self, search_path: str, role: str) -> None:
        self.problem = (
            f"this session has search_path {search_path!r}, so code of other database roles could run inside the "
            "gateway's statements. It was closed before any other statement, and nothing was sent"
        )
        self.remedy = (
            f"ALTER ROLE {role} SET search_path = {SEARCH_PATH}; "
            "then have the pooler open new sessions (PgBouncer: RECONNECT;) and start again"
        )
        super().__init__(f"{self.problem}. A pooler does not pass the setting on, so the role needs it: {self.remedy}")


async def refuse_open_search_path(connection: Any) -> None:
    """Raise `SearchPathNotPinned` for a session whose search_path is not ours.

    This must be the first statement of the session. A direct session sets its search_path at its start, and nothing can
    override that. A pooler refuses or ignores the setting, so there only the role can have it.
    """
    row = await connection.fetchrow(query("read_search_path"))
    if row["search_path"] not in PINNED:
        raise SearchPathNotPinned(row["search_path"], row["role"])
