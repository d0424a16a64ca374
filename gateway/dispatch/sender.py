"""One attempt: the last checks, the HTTP call, the judgement."""

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
    """An attempt that was made, and what it means."""

    attempt: Attempt
    answer: Answer
    classification: Classification


class Sender:
    """Makes attempts; holds nothing between two of them."""

    def __init__(
        self,
        provider: Provider,
        observer: DispatchObserver,
        *,
        call_limit: float,
        monotonic: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`call_limit` is the longest that one call can take, in seconds."""
        self._provider = provider
        self._observer = observer
        self._call_limit = call_limit
        self._monotonic = monotonic
        self._clock = clock

    def block_reason(self, attempt: Attempt) -> str | None:
        """Return why the attempt must not be made now, None if it may.

        All of it was right when it was claimed; a worker that was stopped in between (a debugger, a laptop's lid, a
        starved machine) finds out here, and nowhere later.
        """
        now = self._monotonic()
        if now > attempt.send_by:
            return "tokens_stale"
        if now + self._call_limit >= attempt.lease_until:
            return "lease_too_short"
        if attempt.maybe_arrived:
            # Whatever its time to live: only an answer can end the doubt, and the id keeps it from going twice.
            return None
        expiry = attempt.first_expiry if attempt.number == 1 else attempt.last_expiry
        if expiry is not None and now >= expiry:
            return "expired"
        return None

    async def send(self, attempt: Attempt) -> AnsweredAttempt:
        """Make the call and classify it; never raises for anything that the network or the provider does.

        Cancelled in here, the outcome is not known: the lease ends, and the next worker takes it for that.
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
