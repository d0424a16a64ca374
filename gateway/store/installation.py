"""What the view and the functions in the database need to know of the settings."""

from gateway.store.pool import Connection
from gateway.store.sql import query


async def configure(connection: Connection, *, unconfirmed_after: float, horizon: float) -> None:
    """Bring the installation's row to the settings of the process that starts; both in seconds."""
    await connection.execute(query("configure_installation"), unconfirmed_after, horizon)
