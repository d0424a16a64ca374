"""Halves a request that was refused for its content, until the message that the provider refuses stands alone.

For one such message among n this makes at most ⌈log2 n⌉ + 1 more refusals, and each half takes its tokens like any
other request. Halves are committed together with the refusal: a process that dies here leaves either the request as
it was, whose lease ends, or both halves ready to go.
"""

from collections.abc import Sequence

from gateway.dispatch.attempt import Attempt
from gateway.dispatch.encoder import Batch, RequestEncoder
from gateway.domain.cost import cost
from gateway.domain.message import Message
from gateway.store import completions
from gateway.store.completions import AttemptResult, Settled
from gateway.store.pool import Connection


class Splitter:
    """Makes halves."""

    def __init__(self, encoder: RequestEncoder) -> None:
        self._encoder = encoder

    async def split(self, connection: Connection, attempt: Attempt, refusal: AttemptResult) -> list[Settled]:
        """Write the refusal and rebind the messages to two new requests, in one transaction."""
        async with connection.transaction():
            settled = await completions.finish(connection, [refusal])
            if settled:
                messages = list(attempt.messages or await completions.request_messages(connection, attempt.request_id))
                middle = len(messages) // 2
                await self._bind(connection, attempt, [messages[:middle], messages[middle:]])
        return settled

    async def _bind(self, connection: Connection, attempt: Attempt, halves: Sequence[Sequence[Message]]) -> None:
        picked = [
            Batch(tuple(half), tuple(cost(message).count for message in half), attempt.sender_id)
            for half in halves
            if half
        ]
        requests, _ = self._encoder.encode(picked)
        await completions.split(connection, attempt.request_id, requests)
