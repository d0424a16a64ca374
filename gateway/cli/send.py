"""`smsgw send`: a test message."""

import asyncio
import time
from typing import Annotated, Any

import typer

from gateway.cli.session import fail, with_database

POLL = 0.2


def send(
    to: Annotated[str, typer.Option(help="Recipient in E.164 form, for example +12025550123.")],
    body: Annotated[str, typer.Option(help="The text.")],
    lane: Annotated[str, typer.Option(help="otp, default, bulk, or a lane of yours.")] = "default",
    reference: Annotated[str | None, typer.Option(help="Your own id of the message.")] = None,
    wait: Annotated[
        float, typer.Option(help="Print its states until the final one, for at most this many seconds.")
    ] = 0.0,
) -> None:
    """Send one test message: insert it into the outbox, as an application does."""
    import asyncpg

    from gateway.store import messages

    async def work(connection: Any) -> str:
        try:
            message_id = await messages.enqueue(connection, to_number=to, body=body, lane=lane, reference=reference)
        except asyncpg.InvalidParameterValueError as error:
            fail(str(error))
        typer.echo(f"message {message_id}")
        return await _follow(connection, message_id, time.monotonic() + wait) if wait else ""

    state = with_database(work)
    if state and state != "delivered":
        fail(f"the message is {state}")


async def _follow(connection: Any, message_id: int, deadline: float) -> str:
    from gateway.domain.states import FINAL_STATES
    from gateway.store import messages

    last = ""
    while True:
        message = await messages.one_message(connection, message_id)
        state = str(message["state"]) if message is not None else ""
        if state != last:
            typer.echo(state)
            last = state
        if state in FINAL_STATES or time.monotonic() > deadline:
            return state
        await asyncio.sleep(POLL)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(send)
