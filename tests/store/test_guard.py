"""A row that would break whoever reads it back is refused, so that it cannot stand in everybody's way."""

import json
from typing import Any

import asyncpg
import pytest
from support.workers import FakeProvider, make_worker

from gateway.operations import search
from gateway.store.filters import Filters
from gateway.store.pool import Pool

INSERT = "insert into smsgw.outbox (to_number, body, {column}) values ('+12025550123', $2, $1{cast}) returning id"


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


async def insert(connection: Any, column: str, value: str, body: str = "x") -> int:
    cast = {"variables": "::text::jsonb", "tags": "::text::jsonb"}.get(column, "")
    if column in {"not_before", "expires_at"}:
        cast = "::text::timestamptz"
    return int(await connection.fetchval(INSERT.format(column=column, cast=cast), value, body))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("variables", nested(9)),
        ("variables", nested(1900)),
        ("variables", '{"a": 1e9000}'),
        ("variables", '{"a": [{"b": -1e19}]}'),
        ("tags", '{"a": ["x"]}'),
        ("tags", '{"a": []}'),
        ("tags", "[]"),
        ("expires_at", "infinity"),
        ("expires_at", "200000-01-01"),
        ("not_before", "infinity"),
        ("not_before", "-infinity"),
        ("not_before", "4000-01-01 BC"),
        ("not_before", "200000-01-01"),
        ("reference", "order\x1b[31m"),
        ("reference", "a\nb"),
        ("tenant", "\x1b]0;title\x07"),
        ("dedupe_key", "a\rb"),
        ("order_key", "\x7f"),
    ],
)
async def test_it_is_refused_by_a_sentence_that_names_the_column(connection: Any, column: str, value: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"^{column}: "):
        await insert(connection, column, value)


async def test_a_text_that_its_placeholders_blow_up_is_refused(connection: Any) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"^variables: the placeholders in body"):
        await insert(connection, "variables", json.dumps({"a": "x" * 16000}), "{{a}}" * 800)


@pytest.mark.parametrize(
    ("column", "value", "body"),
    [
        ("variables", nested(8), "x"),
        ("variables", '{"a": 1e18, "b": -0.5, "c": [1, null, true]}', "{{a}}{{b}}"),
        ("variables", json.dumps({"a": "x" * 16000}), "{{a}}" * 60),
        ("tags", '{"campaign": "may"}', "x"),
        ("expires_at", "now", "x"),
        ("body_only", "", "x" * 4000),
    ],
)
async def test_what_is_just_permitted_can_be_claimed_and_listed(
    connection: Any, pool: Pool, column: str, value: str, body: str
) -> None:
    if column == "expires_at":
        await connection.execute(
            "insert into smsgw.outbox (to_number, body, not_before, expires_at) "
            "values ('+12025550123', 'x', now() - interval '9 years', now() + interval '19 years')"
        )
    elif column == "body_only":
        await connection.execute("insert into smsgw.outbox (to_number, body) values ('+12025550123', $1)", body)
    else:
        await insert(connection, column, value, body)
    await connection.execute(
        "insert into smsgw.bucket (name, kind, allowance, period, reserves) "
        "values ('mta:requests', 'window', 100000, 1, false)"
    )
    one = make_worker(pool, FakeProvider())
    await one.send_all()
    assert len(one.provider.sent) == 1
    async with pool.acquire() as session:
        assert [row.state for row in (await search.find(session, Filters())).messages] == ["accepted"]


async def test_a_lane_cannot_carry_messages_beyond_those_years(connection: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="lane_ttl_bounded"):
        await connection.execute("update smsgw.lane set ttl = interval '100000 years' where name = 'bulk'")
