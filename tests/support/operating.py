"""Messages in every state, made by the gateway's own hands: what operators find and mend."""

import asyncio
import hashlib
from typing import Any

from support.outbox import LOST, enqueue, make_due, status
from support.workers import Worker


async def failed(connection: Any, worker: Worker, count: int = 1, code: int = 403, **columns: Any) -> list[int]:
    """Messages that the provider refused, each in a request of its own; many need a code that is about the text."""
    return await _ended(connection, worker, count, [status(code)] * count, columns)


async def uncertain(connection: Any, worker: Worker, count: int = 1, **columns: Any) -> list[int]:
    """Messages of which nobody knows, together in one request: a lost answer and then a refusal."""
    ids = [await enqueue(connection, index, **columns) for index in range(count)]
    await connection.execute("update smsgw.lane set coalesce = true")
    worker.provider.answers.extend([LOST, status(403)])
    await worker.complete(*await worker.claim(1))
    await make_due(connection)
    await worker.complete(*await worker.claim(1))
    return ids


async def forget(connection: Any, seconds: float = 3600.0) -> None:
    """Let the horizon of every uncertain request be over."""
    await connection.execute(
        "update smsgw.request set maybe_arrived_at = maybe_arrived_at - make_interval(secs => $1) "
        "where status = 'uncertain'",
        seconds,
    )


async def accepted(connection: Any, worker: Worker, count: int = 1, **columns: Any) -> list[int]:
    """Messages that the provider took."""
    return await _ended(connection, worker, count, [], columns)


async def expired(connection: Any, count: int = 1, **columns: Any) -> list[int]:
    """Messages whose time was over before they could be sent."""
    ids = [await enqueue(connection, index, **columns) for index in range(count)]
    await connection.execute(
        "update smsgw.outbox set expires_at = now() - interval '1 minute', terminal_status = 'expired', "
        "final_at = now(), reason = 'expired: its time to live was over before it could be sent' where id = any($1)",
        ids,
    )
    return ids


async def deliver(connection: Any, message_id: int, word: str = "delivered") -> None:
    """Let a final receipt have come for an accepted message."""
    await connection.execute(
        "update smsgw.outbox set delivery_status = $2, final_at = now(), delivered_at = now() where id = $1",
        message_id,
        word,
    )
    await connection.execute(
        "insert into smsgw.receipt (source, event, digest, raw, message_id, delivery_status, applied_at, result) "
        "values ('webhook', 'delivery-status', $3, '', $1, $2, now(), 'applied')",
        message_id,
        word,
        hashlib.sha256(f"{message_id} {word}".encode()).digest(),
    )


async def someone_waits(connection: Any) -> None:
    """Return when a session of this database waits for a lock."""
    waiting = (
        "select exists(select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    )
    async with asyncio.timeout(120):
        while not await connection.fetchval(waiting):  # noqa: ASYNC110  no event tells of another session's wait
            await asyncio.sleep(0.01)


async def _ended(connection: Any, worker: Worker, count: int, answers: list[Any], columns: dict[str, Any]) -> list[int]:
    ids = [await enqueue(connection, index, **columns) for index in range(count)]
    worker.provider.answers.extend(answers)
    while attempts := await worker.claim(count):
        await worker.complete(*attempts)
    return ids
