"""Searches that somebody gave a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.store.pool import Connection
from gateway.store.sql import query


@dataclass(frozen=True, slots=True)
class SavedView:
    """A search of the list of messages."""

    name: str
    filters: dict[str, str]
    """As the page's form has them; a phone number is never one."""
    made_by: str
    made_at: datetime


async def listed(connection: Connection) -> list[SavedView]:
    """Return the searches by name."""
    return [SavedView(*row.values()) for row in await connection.fetch(query("view_list"))]


async def save(connection: Connection, name: str, filters: Mapping[str, str], *, made_by: str) -> None:
    """Keep a search under a name; the name's earlier search is gone."""
    await connection.execute(query("view_save"), name, dict(filters), made_by)


async def forget(connection: Connection, name: str) -> bool:
    """Forget a search; return whether there was one."""
    return await connection.fetchval(query("view_forget"), name) is not None
