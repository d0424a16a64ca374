"""Splits a request that was refused for its content in two, until the message that the provider refuses is alone.

For one such message among n this causes at most ⌈log2 n⌉ + 1 refusals, and each half takes tokens like any other
request. Both halves are committed together with the refusal. So a process that dies here leaves either the request as
it was, whose lease ends, or both halves ready to be sent.
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
    """Splits refused requests."""

    def __init__(self, encoder: RequestEncoder) -> None:
        self._encoder = encoder

    async def split(self, connection: Connection, attempt: Attempt, refusal: AttemptResult) -> list[Settled]:
        """Write the refusal and move the messages to two new requests, in one transaction."""
        async with connection.transaction():
            settled = await completions.finish(connection, [refusal])
            if settled:
                messages = list(attempt.messages or await completions.request_messages(connection, attempt.request_id))
                middle = len(messages) // 2
                await self._create_halves(connection, attempt, [messages[:middle], messages[middle:]])
        return settled

    async def _create_halves(
        self, connection: Connection, attempt: Attempt, halves: Sequence[Sequence[Message]]
    ) -> None:
        batches = [
            Batch(tuple(half), tuple(cost(message).count for message in half), attempt.sender_id)
            for half in halves
            if half
        ]
        requests, _ = self._encoder.encode(batches)
        await completions.split(connection, attempt.request_id, requests)
