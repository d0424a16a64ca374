"""A *pre* migration runs under the previous release, so it only adds (`gateway/store/migrate.py` has the rule)."""

import re

import pytest

from gateway.store.migrate import Phase, migrations

ADDS = re.compile(
    r"create (schema|type|table|view|function|trigger|(unique )?index)\b"
    r"|insert into\b|analyze\b|grant\b|comment on\b|do\b"
    r"|revoke execute on (all functions in schema|function) [\w., ]+ from public$"
    r"|alter table [\w.]+ add (column|constraint)\b"
    r"|alter type [\w.]+ add value\b"
)
CHANGES = re.compile(r"\b(drop|rename|replace|truncate|delete|update|alter)\b")
"""What a `do` block must not say either."""


def statements(text: str) -> list[str]:
    """Split SQL into statements, each in one line; bodies of functions are left out, those of `do` blocks stay."""
    text = re.sub(r"--[^\n]*", "", text)
    text = re.sub(r"\bbegin atomic\b.*?\bend\s*;", ";", text, flags=re.DOTALL)
    text = re.sub(r"(?<!do )\$\$.*?\$\$", "", text, flags=re.DOTALL)
    blocks = re.findall(r"do \$\$.*?\$\$", text, flags=re.DOTALL)
    text = re.sub(r"do \$\$.*?\$\$", "", text, flags=re.DOTALL)
    return [" ".join(one.split()).lower() for one in [*text.split(";"), *blocks] if one.strip()]


def changing(text: str) -> list[str]:
    """Return the statements that do something else than add."""
    return [
        one
        for one in statements(text)
        if not ADDS.match(one) or (one.startswith("do ") and CHANGES.search(one)) or one.startswith("create or replace")
    ]


def test_every_pre_migration_only_adds() -> None:
    found = {m.name: changing(m.text) for m in migrations() if m.phase is Phase.PRE}
    assert {name: bad for name, bad in found.items() if bad} == {}
    assert sum(len(statements(m.text)) for m in migrations()) > 80, "the files are read whole"


@pytest.mark.parametrize(
    "text",
    [
        "drop index smsgw.outbox_waiting;",
        "alter table smsgw.request rename column spent to never_sent;",
        "alter table smsgw.request\n    alter column reason type varchar;",
        "alter table smsgw.request drop column reason;",
        "alter type smsgw.request_status rename value 'accepted' to 'taken';",
        "alter function smsgw.outbox_doorbell() set search_path = public;",
        "create or replace function smsgw.f() returns integer language sql return 1;",
        "create or replace view smsgw.message as select 1;",
        "revoke select on smsgw.receipt from smsgw_reader;",
        "revoke execute on function smsgw.enqueue from smsgw_app;",
        "update smsgw.lane set weight = 1;",
        "delete from smsgw.lane;",
        "truncate smsgw.lane;",
        "create table smsgw.x (a integer); -- and\ndrop table smsgw.y;",
        "do $$ begin drop table smsgw.y; end $$;",
        "create function smsgw.f() returns integer language sql begin atomic select 1; end; drop table smsgw.y;",
    ],
)
def test_what_does_not_only_add_is_found(text: str) -> None:
    assert len(changing(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "alter table smsgw.request add column tries integer not null default 0;",
        "alter table smsgw.lane add constraint c check (weight > 0) not valid;",
        "alter type smsgw.parked_by add value 'quiet_hours';",
        "revoke execute on function smsgw.f, smsgw.g from public;",
        "create function smsgw.f() returns void language plpgsql as $$ begin delete from smsgw.x; end $$;",
    ],
)
def test_what_adds_is_left_alone(text: str) -> None:
    assert changing(text) == []
