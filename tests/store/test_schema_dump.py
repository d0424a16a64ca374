"""`sql/schema.sql` shows the schema that the migrations make."""

import asyncio
from typing import Any

import pytest
from support.schema_dump import FILE, NoDumpError, comparable, dump, render, statements


async def dumped(dsn: str) -> set[str]:
    try:
        return {comparable(one) for one in await asyncio.to_thread(dump, dsn)}
    except NoDumpError as error:
        pytest.skip(str(error))


def in_file() -> set[str]:
    return {comparable(one) for one in statements(FILE.read_text(encoding="utf-8"))}


async def test_the_file_shows_what_the_migrations_make(database: Any) -> None:
    made, shown = await dumped(database.dsn), in_file()
    missing = "".join(f"\n+ {one}" for one in sorted(made - shown))
    wrong = "".join(f"\n- {one}" for one in sorted(shown - made))
    assert not missing + wrong, f"sql/schema.sql is not what the migrations make; run: make schema{missing}{wrong}"
    assert len(made) > 150, "the dump is read whole"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("alter table smsgw.route add column made text", "made text"),
        ("drop index smsgw.outbox_reference", "CREATE INDEX outbox_reference"),
        ("alter table smsgw.lane drop constraint lane_ttl_bounded", "lane_ttl_bounded"),
        ("grant select on smsgw.route to smsgw_app", "GRANT SELECT ON TABLE smsgw.route TO smsgw_app"),
        ("create or replace view smsgw.active_pause as select * from smsgw.pause where true", "WHERE true"),
        ("alter function smsgw.has_tag volatile", "smsgw.has_tag"),
    ],
)
async def test_a_difference_is_found(database: Any, connection: Any, change: str, found: str) -> None:
    await connection.execute(change)
    different = await dumped(database.dsn) ^ in_file()
    assert any(found in one for one in different)


DUMP = """\
-- Dumped from database version 18.6

\\restrict x
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE SCHEMA smsgw;

CREATE FUNCTION smsgw.b() RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform 1;

    -- SET nothing
end
$$;

CREATE FUNCTION smsgw.a() RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT 1;
 SELECT 2;
END;

CREATE TABLE smsgw.t (
    id bigint NOT NULL
);

ALTER TABLE smsgw.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME smsgw.t_id_seq
);

CREATE INDEX i ON smsgw.t USING btree (id);

GRANT USAGE ON SEQUENCE smsgw.t_id_seq TO smsgw_app;
GRANT ALL ON FUNCTION smsgw.a() TO smsgw_app;
"""


def test_a_statement_ends_after_its_body() -> None:
    assert [one.split("(")[0].strip() for one in statements(DUMP)] == [
        "CREATE SCHEMA smsgw;",
        "CREATE FUNCTION smsgw.b",
        "CREATE FUNCTION smsgw.a",
        "CREATE TABLE smsgw.t",
        "ALTER TABLE smsgw.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY",
        "CREATE INDEX i ON smsgw.t USING btree",
        "GRANT USAGE ON SEQUENCE smsgw.t_id_seq TO smsgw_app;",
        "GRANT ALL ON FUNCTION smsgw.a",
    ]


def test_an_object_stands_together_with_what_belongs_to_it() -> None:
    text = render(statements(DUMP))
    parts = ["-- Tables", "TABLE smsgw.t (", "IDENTITY", "INDEX i", "SEQUENCE smsgw.t_id_seq TO", "-- Functions",
             "smsgw.a() RETURNS", "smsgw.a() TO", "smsgw.b() RETURNS"]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert set(statements(text)) == set(statements(DUMP))


def test_a_view_compares_equal_with_and_without_the_alias_of_its_table() -> None:
    old = "CREATE VIEW smsgw.v AS\n SELECT p.scope\n   FROM smsgw.pause p;"
    assert comparable(old) == comparable(old.replace("p.scope", "scope"))
    assert comparable(old) != comparable(old.replace("scope", "subject"))
