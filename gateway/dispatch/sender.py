"""Makes one attempt: the last checks, and the HTTP call."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.domain.observers import DispatchObserver
from gateway.domain.outcome import Answer, HeldBack
from gateway.provider.protocol import Provider

SUPPRESSION_FRESH_SECONDS = 5.0
"""A connection to the provider may take this long to make after the suppression list was checked."""


@dataclass(frozen=True, slots=True)
class AnsweredAttempt:
    """An attempt that was made, and its answer."""

    attempt: Attempt
    answer: Answer
    answered_at: float
    """By the local clock."""


class Sender:
    """Makes attempts. It keeps no state between them."""

    def __init__(
        self,
        provider: Provider,
        observer: DispatchObserver,
        *,
        call_limit: float,
        monotonic: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`call_limit` is the longest time that one call can take, in seconds."""
        self._provider = provider
        self._observer = observer
        self._call_limit = call_limit
        self._monotonic = monotonic
        self._clock = clock

    async def wait_for_token(self, attempt: Attempt) -> None:
        """Return when the attempt's limiter token may be used."""
        wait = attempt.send_from - self._monotonic()
        if wait > 0:
            await asyncio.sleep(wait)

    def block_reason(self, attempt: Attempt, lease_until: float) -> HeldBack | None:
        """Return why the attempt must not be made now; None if it may.

        All of this was checked when it was claimed. But the worker may have stood still in between (a debugger, a
        closed laptop, an overloaded machine), or the database is far away.
        """
        now = self._monotonic()
        return next((reason for reason, moment in self._deadlines(attempt, lease_until).items() if now > moment), None)

    async def send(self, attempt: Attempt, lease_until: float) -> AnsweredAttempt:
        """Make the call. It raises for nothing that the network or the provider does.

        The provider's client looks at the earliest deadline once more, just before it writes the first byte: to make a
        connection may take long. If the call is cancelled, the outcome is not known. The lease ends, and the next
        worker treats it like that.
        """
        wall = self._clock()
        self._observer.sending(
            attempt.route,
            attempt.lane,
            attempt.recipients,
            tuple(max(0.0, wall - ready) for ready in attempt.ready_at) if attempt.number == 1 else (),
        )
        by = min(self._deadlines(attempt, lease_until).values())
        if attempt.messages is not None:
            by = min(by, self._monotonic() + SUPPRESSION_FRESH_SECONDS)
        try:
            answer = await self._provider.send(attempt.request_id.hex, attempt.body, by=by)
        finally:
            self._observer.call_ended(attempt.route)
        return AnsweredAttempt(attempt, answer, self._monotonic())

    def _deadlines(self, attempt: Attempt, lease_until: float) -> dict[HeldBack, float]:
        """Return until when the attempt may be sent, by the reason why not later."""
        deadlines = {HeldBack.TOKENS_STALE: attempt.send_by, HeldBack.LEASE_TOO_SHORT: lease_until - self._call_limit}
        if attempt.maybe_arrived:
            # Even if it has expired: only an answer can end the uncertainty, and the id prevents a second copy.
            if attempt.horizon_end is not None:
                deadlines[HeldBack.HORIZON_PASSED] = attempt.horizon_end
        else:
            expiry = attempt.first_expiry if attempt.number == 1 else attempt.last_expiry
            if expiry is not None:
                deadlines[HeldBack.EXPIRED] = expiry
        return deadlines
