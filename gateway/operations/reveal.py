"""Show a number and a text in full. The operator log records who and what before anything is shown."""

from gateway.operations import NotPossible
from gateway.store import actions, reveals
from gateway.store.pool import Connection
from gateway.store.reveals import Content, Reply

__all__ = ["Content", "Reply", "find_reply", "message", "replies", "reply"]


async def message(connection: Connection, message_id: int, *, actor: str) -> Content:
    """Return the text and recipient of a message; raises `NotPossible` if there is no such message."""
    async with connection.transaction():
        content = await reveals.content(connection, message_id)
        if content is None:
            raise NotPossible(f"there is no message {message_id}")
        await actions.record(connection, actor=actor, action="reveal", message_ids=[message_id])
    return content


async def replies(
    connection: Connection, *, below: int | None = None, limit: int = 50, keyword: str | None = None
) -> list[Reply]:
    """Return replies, newest first. They are in full: the caller masks them."""
    return await reveals.replies(connection, below=below, limit=limit, keyword=keyword)


async def find_reply(connection: Connection, reply_id: int) -> Reply | None:
    """Return a reply in full without recording it: the caller masks it."""
    return await reveals.reply(connection, reply_id)


async def reply(connection: Connection, reply_id: int, *, actor: str) -> Reply:
    """Return a reply in full; raises `NotPossible` if there is no such reply."""
    async with connection.transaction():
        found = await reveals.reply(connection, reply_id)
        if found is None:
            raise NotPossible(f"there is no reply {reply_id}")
        await actions.record(connection, actor=actor, action="reveal", detail={"reply": reply_id})
    return found
