"""Failures by reason: counts are bounded, and messages that arrived after all are left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.outbox import enqueue

from gateway.store import stuck


async def fail(connection: Any, ids: list[int], reason: str) -> None:
    await connection.execute(
        "update smsgw.outbox set terminal_status = 'failed', final_at = now(), reason = $2 where id = any($1)",
        ids,
        reason,
    )


async def reasons(pool: Any) -> list[tuple[str, str, int, bool]]:
    async with pool.acquire() as connection:
        found = await stuck.reasons(connection, datetime.now(UTC) - timedelta(days=1))
    return [(one.state, one.code, one.messages, one.at_least) for one in found]


async def test_failures_are_counted_by_reason_code(pool: Any, connection: Any) -> None:
    ids = [await enqueue(connection, number) for number in range(4)]
    await fail(connection, ids[:2], "no_credit: none left")
    await fail(connection, ids[2:3], "forbidden: filtered")
    assert await reasons(pool) == [("failed", "no_credit", 2, False), ("failed", "forbidden", 1, False)]


async def test_a_failed_message_that_was_delivered_is_left_out(pool: Any, connection: Any) -> None:
    [message_id] = [await enqueue(connection, 1)]
    await fail(connection, [message_id], "forbidden: filtered")
    await connection.execute("update smsgw.outbox set delivery_status = 'delivered' where id = $1", message_id)
    assert await reasons(pool) == []


async def test_a_bounded_count_is_marked_as_a_minimum(
    pool: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck, "MAX_COUNTED", 2)
    ids = [await enqueue(connection, number) for number in range(3)]
    await fail(connection, ids[:2], "no_credit: none left")
    await fail(connection, ids[2:], "forbidden: filtered")
    assert await reasons(pool) == [("failed", "forbidden", 1, True), ("failed", "no_credit", 1, True)]
