"""The catalog is what docs/security.md says: a new table, function or column is closed until somebody decides."""

from typing import Any

import pytest
from support.privileges import FUNCTIONS, RELATIONS, ROLES, actual, columns, written

APP_INSERTS = (
    "body dedupe_key expires_at lane link_id media_url not_before order_key reference sender_id tags template_id "
    "tenant to_group_id to_number to_subscriber_id traceparent variables"
)

READER_READS = {
    "group_delivery": "delivery_status generation happened_at message_id",
    "outbox": "created_at delivered_at delivery_status expires_at final_at generation id lane not_before park_reason "
    "parked_by parts request_id tenant terminal_status",
    "receipt": "applied_at delivery_status event generation happened_at id message_id received_at request_id result "
    "source",
    "request": "accepted_at ambiguous_attempts attempts available_at claim_token crashes created_at first_attempt_at "
    "generation id lane last_polled_at lease_expires_at maybe_arrived_at members never_sent_attempts parent_id parts "
    "pending_receipts reason route sender_id status tenant total_sent verify_reason worker",
}
"""What of the tables with stars the reader may see; every one of these columns was looked at."""


async def test_the_catalog_is_what_the_page_says(connection: Any) -> None:
    found, told = await actual(connection), written()
    assert {name: cells for name, cells in found.items() if told.get(name) != cells} == {}, "not, or otherwise, decided"
    assert set(told) - set(found) == set(), "the page tells of what is no more"


async def test_a_new_table_or_function_fails_until_it_is_decided(connection: Any) -> None:
    await connection.execute("create table smsgw.fresh (number text)")
    await connection.execute("create function smsgw.fresh_too() returns int language sql return 1")
    found, told = await actual(connection), written()
    assert {"fresh", "fresh_too()"} == set(found) - set(told)


async def test_a_star_means_these_columns(connection: Any) -> None:
    for relation in await connection.fetch(RELATIONS):
        name, oid = relation["name"], relation["oid"]
        if name in READER_READS:
            assert await columns(connection, "smsgw_reader", oid, "SELECT") == READER_READS[name].split()
        if name == "outbox":
            assert await columns(connection, "smsgw_app", oid, "SELECT") == ["id"]
            assert await columns(connection, "smsgw_app", oid, "INSERT") == APP_INSERTS.split()


async def test_the_public_may_nothing(connection: Any) -> None:
    assert not await connection.fetchval("select has_schema_privilege('public', 'smsgw', 'USAGE, CREATE')")
    for function in await connection.fetch(FUNCTIONS):
        may = await connection.fetchval("select has_function_privilege('public', $1::oid, 'EXECUTE')", function["oid"])
        assert not may, function["name"]
    for relation in await connection.fetch(RELATIONS):
        if not relation["is_sequence"]:
            assert await columns(connection, "public", relation["oid"], "SELECT") == [], relation["name"]


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_owns_nothing_creates_nothing_and_grants_nothing(connection: Any, role: str) -> None:
    assert await connection.fetchval("select has_schema_privilege($1, 'smsgw', 'USAGE')", role)
    assert not await connection.fetchval("select has_schema_privilege($1, 'smsgw', 'CREATE')", role)
    row = await connection.fetchrow("select * from pg_roles where rolname = $1", role)
    powers = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls")
    assert [power for power in powers if row[power]] == []
    assert not await connection.fetchval("select exists (select from pg_auth_members where member = $1::regrole)", role)
    assert not await connection.fetchval(
        "select exists (select from pg_class where relnamespace = 'smsgw'::regnamespace and relowner = $1::regrole)",
        role,
    )


async def test_what_runs_with_its_owners_rights_has_a_search_path_of_its_own(connection: Any) -> None:
    loose = await connection.fetch(
        "select proname from pg_proc where pronamespace = 'smsgw'::regnamespace "
        "and (prosecdef or prorettype = 'trigger'::regtype) "
        "and not coalesce(proconfig::text ~ 'search_path=pg_catalog', false)"
    )
    assert [row["proname"] for row in loose] == []
