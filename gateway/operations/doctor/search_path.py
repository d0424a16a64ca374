"""Whether code of other database roles could run inside the gateway's statements."""

from gateway.operations.doctor.checks import Check, fail, ok
from gateway.store import health
from gateway.store.pool import Connection, close_pool, open_pool
from gateway.store.search_path import SearchPathNotPinned

NAME = "search_path"
PUBLIC = "schema public"


async def run_checks(connection: Connection) -> list[Check]:
    """Return the checks. The session itself was checked when it was opened."""
    return [ok(NAME, "this session looks for names in pg_catalog only"), await _public(connection)]


async def check_pooler(dsn: str) -> Check:
    """Return the check of a session through the pooler; raises what the database raises when it is away."""
    try:
        pool = await open_pool(dsn, purpose="doctor", max_size=1, pooler=True)
    except SearchPathNotPinned as error:
        return not_pinned(error)
    await close_pool(pool)
    return ok(f"{NAME} (pooler)", "a session through SMSGW_DATABASE_URL looks for names in pg_catalog only")


def not_pinned(error: SearchPathNotPinned) -> Check:
    """Return the check of a session that was refused."""
    return fail(NAME, error.problem, error.remedy)


async def _public(connection: Connection) -> Check:
    grantees = await health.creators_in_public(connection)
    if not grantees:
        return ok(PUBLIC, "the application cannot create objects in it")
    return fail(
        PUBLIC,
        f"{', '.join(grantees)} may create objects in it: an application can put operators and functions of its own "
        "under the statements of every session that looks for names there",
        f"REVOKE CREATE ON SCHEMA public FROM {', '.join(grantees)};",
    )
