"""A function of ours runs in the sessions of applications, and no schema of theirs may replace what it calls."""

from typing import Any

OPEN = """
    select p.proname as name
    from pg_proc as p
    where
        p.pronamespace = 'smsgw'::regnamespace
        and p.prosqlbody is null
        and not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
"""
"""Functions whose names are looked up at each call, by the search_path of the caller."""


async def test_every_function_resolves_its_names_at_creation_or_sets_its_search_path(connection: Any) -> None:
    assert await connection.fetch(OPEN) == []


async def test_one_that_does_neither_is_found(connection: Any) -> None:
    await connection.execute("create function smsgw.f() returns integer language sql as 'select 1'")
    assert [row["name"] for row in await connection.fetch(OPEN)] == ["f"]
