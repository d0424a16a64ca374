"""One attempt: the last checks, the HTTP call, the judgement."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.clock import monotonic
from gateway.dispatch.observer import Observer
from gateway.dispatch.ticket import Ticket
from gateway.domain.outcome import Answer, History, Verdict, judge
from gateway.provider.protocol import Provider

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that was made, and what it means."""

    ticket: Ticket
    answer: Answer
    verdict: Verdict


class Sender:
    """Makes attempts; holds nothing between two of them."""

    def __init__(
        self,
        provider: Provider,
        observer: Observer,
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

    def holds_back(self, ticket: Ticket) -> str | None:
        """Return why the attempt must not be made now, None if it may.

        All of it was right when it was claimed; a worker that was stopped in between (a debugger, a laptop's lid, a
        starved machine) finds out here, and nowhere later.
        """
        now = self._monotonic()
        if now > ticket.send_by:
            return "tokens_stale"
        if now + self._call_limit >= ticket.lease_until:
            return "lease_too_short"
        if ticket.maybe_arrived:
            # Whatever its time to live: only an answer can end the doubt, and the id keeps it from going twice.
            return None
        expiry = ticket.first_expiry if ticket.number == 1 else ticket.last_expiry
        if expiry is not None and now >= expiry:
            return "expired"
        return None

    async def attempt(self, ticket: Ticket) -> Attempted:
        """Make the call and judge it; never raises for anything that the network or the provider does.

        Cancelled in here, the outcome is not known: the lease ends, and the next worker takes it for that.
        """
        wall = self._clock()
        self._observer.sending(
            ticket.route,
            ticket.lane,
            ticket.recipients,
            tuple(max(0.0, wall - ready) for ready in ticket.ready_at) if ticket.number == 1 else (),
        )
        answer = await self._provider.send(ticket.request_id.hex, ticket.body, by=ticket.send_by)
        verdict = judge(
            answer,
            History(recipients=ticket.recipients, maybe_arrived=ticket.maybe_arrived, attempts=ticket.number),
        )
        code = str(answer.status) if answer.status is not None else (answer.error or "none")
        self._observer.answered(ticket.route, verdict.outcome, code, answer.duration)
        return Attempted(ticket, answer, verdict)
