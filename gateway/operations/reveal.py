"""Show a number and a text. Who looked, and at what, is on record before anything is shown."""

from gateway.operations.errors import NotPossible
from gateway.store import actions, reveals
from gateway.store.pool import Connection
from gateway.store.reveals import Content, Reply

__all__ = ["Content", "Reply", "message", "reply"]


async def message(connection: Connection, message_id: int, *, actor: str) -> Content:
    """Return what a message says and to whom; raises `NotPossible` when there is no such message."""
    async with connection.transaction():
        content = await reveals.content(connection, message_id)
        if content is None:
            raise NotPossible(f"there is no message {message_id}")
        await actions.record(connection, actor=actor, action="reveal", message_ids=[message_id])
    return content


async def reply(connection: Connection, reply_id: int, *, actor: str) -> Reply:
    """Return a reply in full; raises `NotPossible` when there is no such reply."""
    async with connection.transaction():
        found = await reveals.reply(connection, reply_id)
        if found is None:
            raise NotPossible(f"there is no reply {reply_id}")
        await actions.record(connection, actor=actor, action="reveal", detail={"reply": reply_id})
    return found
