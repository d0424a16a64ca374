"""What the database takes from an application, and what it refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

NUMBER = "+12025550123"
PRIVATE = "a text that nobody may see"
NOW = datetime.now(UTC)


async def insert(connection: Any, **columns: Any) -> int:
    values = {"to_number": NUMBER, "body": PRIVATE} | columns
    names = ", ".join(values)
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    return int(
        await connection.fetchval(f"insert into smsgw.outbox ({names}) values ({marks}) returning id", *values.values())
    )


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"to_number": "2025550123"}, "to_number"),
        ({"to_number": "+1 202 555 0123"}, "to_number"),
        ({"to_number": "+123456"}, "to_number"),
        ({"to_number": "+1234567890123456"}, "to_number"),
        ({"to_number": "+0234567"}, "to_number"),
        ({"to_number": "+1234567x"}, "to_number"),
        ({"to_number": "+1202555\n123"}, "to_number"),
        ({"to_number": "+12025550123\n"}, "to_number"),
        ({"to_number": None}, "to_number"),
        ({"to_subscriber_id": 7}, "to_number"),
        ({"body": None}, "body"),
        ({"body": ""}, "body"),
        ({"body": "x" * 4001}, "body"),
        ({"body": "é" * 4001}, "body"),
        ({"body": " \n\t "}, "body"),
        ({"dedupe_key": ""}, "dedupe_key"),
        ({"order_key": ""}, "order_key"),
        ({"variables": "[1]"}, "variables"),
        ({"tags": '{"a": 1}'}, "tags"),
        ({"tags": '"a"'}, "tags"),
        ({"lane": "nowhere"}, "lane"),
        ({"media_url": "ftp://x"}, "media_url"),
        ({"link_id": 3}, "link_id"),
        ({"traceparent": "00-x"}, "traceparent"),
        ({"reference": "x" * 256}, "reference"),
        ({"reference": "a\tb"}, "reference"),
        ({"tenant": "x" * 101}, "tenant"),
        ({"tenant": "a\tb"}, "tenant"),
        ({"sender_id": 0}, "sender_id"),
        ({"to_number": None, "to_subscriber_id": 0}, "to_subscriber_id"),
        ({"to_number": None, "to_group_id": 0}, "to_group_id"),
        ({"template_id": 0}, "template_id"),
        ({"template_id": 1, "link_id": 0}, "link_id"),
        ({"dedupe_key": "x" * 256}, "dedupe_key"),
        ({"dedupe_key": "a\tb"}, "dedupe_key"),
        ({"order_key": "x" * 256}, "order_key"),
        ({"order_key": "a\tb"}, "order_key"),
        ({"not_before": NOW + timedelta(days=4000)}, "not_before"),
        ({"not_before": NOW - timedelta(days=4000)}, "not_before"),
        ({"expires_at": NOW + timedelta(days=8000)}, "expires_at"),
        ({"expires_at": NOW - timedelta(days=4000)}, "expires_at"),
        ({"expires_at": NOW + timedelta(hours=1), "not_before": NOW + timedelta(hours=2)}, "expires_at"),
    ],
)
async def test_bad_input_is_refused_by_a_sentence_that_names_the_column(
    connection: Any, columns: dict[str, Any], named: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as refused:
        await insert(connection, **columns)
    error = refused.value
    assert error.sqlstate == "22023"
    assert error.message.startswith(f"{named}: ")
    assert NUMBER not in f"{error.as_dict()}"
    assert PRIVATE not in f"{error.as_dict()}"


@pytest.mark.parametrize(
    "columns",
    [
        {"to_number": "+1234567"},
        {"to_number": "+123456789012345"},
        {"body": "é" * 4000},
        {"tenant": "é" * 100},
        {"reference": "é" * 255},
        {"dedupe_key": "é" * 255, "order_key": "é" * 255},
        {"not_before": NOW + timedelta(days=3600), "expires_at": NOW + timedelta(days=7200)},
        {"not_before": NOW - timedelta(days=3600)},
    ],
)
async def test_a_row_at_the_limit_of_a_check_is_accepted(connection: Any, columns: dict[str, Any]) -> None:
    assert await insert(connection, **columns) > 0


async def test_null_means_the_default(connection: Any) -> None:
    message_id = await insert(connection, lane=None, tenant=None, not_before=None, expires_at=None)
    row = await connection.fetchrow(
        "select lane, tenant, not_before <= now() as due, expires_at - not_before as ttl "
        "from smsgw.outbox where id = $1",
        message_id,
    )
    assert dict(row) == {"lane": "default", "tenant": "", "due": True, "ttl": timedelta(hours=24)}


async def test_a_time_to_live_that_depends_on_the_calendar_cannot_end_before_it_begins(connection: Any) -> None:
    # Longer than nothing for the check of the lane, which counts 30 days a month; a day too short in February.
    await connection.execute("insert into smsgw.lane (name, ttl) values ('odd', interval '1 month -29 days')")
    year = next(year for year in range(NOW.year + 1, NOW.year + 3) if year % 4 != 0)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="expires_at: must be later"):
        await insert(connection, lane="odd", not_before=datetime(year, 2, 10, tzinfo=UTC))


async def test_a_message_that_would_expire_before_it_may_go_is_refused(connection: Any) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="expires_at: must be later"):
        await connection.execute(
            "insert into smsgw.outbox (to_number, body, expires_at) values ($1, 'x', now() - interval '1 minute')",
            NUMBER,
        )


async def test_the_lane_gives_the_time_to_live(connection: Any) -> None:
    message_id = await insert(connection, lane="otp")
    left = await connection.fetchval("select expires_at - not_before from smsgw.message where id = $1", message_id)
    assert left.total_seconds() == pytest.approx(300, abs=1)


async def test_a_second_enqueue_under_one_key_returns_the_first_id(connection: Any) -> None:
    call = "select smsgw.enqueue(to_number => $1, body => $2, dedupe_key => 'k', tenant => $3)"
    first = await connection.fetchval(call, NUMBER, "one", "a")
    assert await connection.fetchval(call, NUMBER, "two", "a") == first
    assert await connection.fetchval(call, NUMBER, "three", "b") != first
    assert await connection.fetchval("select body from smsgw.outbox where id = $1", first) == "one"


async def test_an_application_may_insert_and_read_the_view_and_nothing_else(connection: Any) -> None:
    await connection.execute("set role smsgw_app")
    message_id = await insert(connection)
    assert await connection.fetchval("select state from smsgw.message where id = $1", message_id) == "ready"
    for forbidden in (
        "select body from smsgw.outbox",
        "update smsgw.outbox set body = 'x'",
        "delete from smsgw.outbox",
        "insert into smsgw.outbox (to_number, body, terminal_status) values ('+12025550123', 'x', 'failed')",
        "select * from smsgw.request",
        "update smsgw.lane set weight = 9",
        "truncate smsgw.outbox",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)


async def test_a_reader_sees_no_number_and_no_text(connection: Any) -> None:
    await insert(connection)
    await connection.execute("set role smsgw_reader")
    assert await connection.fetchval("select count(*) from (select id, lane from smsgw.outbox) as o") == 1
    for private in ("to_number", "body", "variables"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"select {private} from smsgw.outbox")
