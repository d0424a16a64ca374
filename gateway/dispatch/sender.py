"""Makes one attempt: the last checks, the HTTP call, the classification of the answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.clock import monotonic
from gateway.dispatch.attempt import Attempt
from gateway.domain.observers import DispatchObserver
from gateway.domain.outcome import Answer, Classification, History
from gateway.provider.protocol import Provider

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AnsweredAttempt:
    """An attempt that was made, and what its answer means."""

    attempt: Attempt
    answer: Answer
    classification: Classification


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

    def block_reason(self, attempt: Attempt) -> str | None:
        """Return why the attempt must not be made now; None if it may.

        All of this was checked when it was claimed. But the worker may have stood still in between (a debugger, a
        closed laptop, an overloaded machine), and this is the last place where it can notice.
        """
        now = self._monotonic()
        if now > attempt.send_by:
            return "tokens_stale"
        if now + self._call_limit >= attempt.lease_until:
            return "lease_too_short"
        if attempt.maybe_arrived:
            # Even if it has expired: only an answer can end the uncertainty, and the id prevents a second copy.
            return None
        expiry = attempt.first_expiry if attempt.number == 1 else attempt.last_expiry
        if expiry is not None and now >= expiry:
            return "expired"
        return None

    async def send(self, attempt: Attempt) -> AnsweredAttempt:
        """Make the call and classify its answer. It raises for nothing that the network or the provider does.

        If it is cancelled, the outcome is not known. The lease ends, and the next worker treats it like that.
        """
        wall = self._clock()
        self._observer.sending(
            attempt.route,
            attempt.lane,
            attempt.recipients,
            tuple(max(0.0, wall - ready) for ready in attempt.ready_at) if attempt.number == 1 else (),
        )
        answer = await self._provider.send(attempt.request_id.hex, attempt.body, by=attempt.send_by)
        classification = self._provider.classify(
            answer,
            History(recipients=attempt.recipients, maybe_arrived=attempt.maybe_arrived, attempts=attempt.number),
        )
        code = str(answer.status) if answer.status is not None else (answer.error or "none")
        self._observer.answered(attempt.route, classification.outcome, code, answer.duration)
        return AnsweredAttempt(attempt, answer, classification)
