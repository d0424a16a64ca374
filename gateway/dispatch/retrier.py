"""The part of a claim that takes up requests again: retries that are due, and what dead workers left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from gateway.dispatch.attempt import Attempt, deadline
from gateway.dispatch.budget import Budget, ClaimSettings
from gateway.domain.observers import DispatchObserver
from gateway.domain.retry import ISOLATE_AFTER_CRASHES, Action, Decision, RequestState, RetryRules, decide
from gateway.store import claims
from gateway.store.claims import DueRequest, Lease, QueueHead, TerminalStatus
from gateway.store.pool import Connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What the retrier did."""

    attempts: list[Attempt]
    moved: bool = False
    """Requests went out of the way without another attempt."""
    suspects: bool = False
    """Requests are due that may be what kills workers."""
    isolated: bool = False
    """The only attempt is such a request, and nothing may go beside it."""


class Retrier:
    """Decides over due requests inside the claim's transaction."""

    def __init__(self, settings: ClaimSettings, observer: DispatchObserver) -> None:
        self._settings = settings
        self._observer = observer

    async def claim(
        self,
        connection: Connection,
        heads: Sequence[QueueHead],
        budget: Budget,
        lease: Lease,
        claimed_at: float,
        *,
        alone: bool,
    ) -> RetryResult:
        """Lease due requests of these lanes while slots and tokens last; end those that must not go again.

        `alone`: nothing else is in the air, so a request that may be what kills workers can be tried by itself.
        """
        lanes = {head.lane: head for head in heads if head.retry}
        if not lanes or budget.slots <= 0:
            return RetryResult([])
        wanted = [(head.lane, head.sender, budget.slots) for head in heads if head.retry]
        due = await claims.lock_due_requests(connection, wanted)
        arrived = await self._cut_off(connection, due)
        decisions = {request.id: self._decide(request, arrived, lanes[request.lane]) for request in due}
        await self._end(connection, decisions)
        fit = [request for request in due if decisions[request.id].action is Action.ATTEMPT]
        suspects = [request for request in fit if request.crashes + request.crashed >= ISOLATE_AFTER_CRASHES]
        if suspects and alone:
            fit = suspects[:1]
        elif suspects:
            fit = [request for request in fit if request not in suspects]
        again = self._afford(fit, budget)
        if again:
            await claims.lease_retries(connection, [request.id for request in again], lease)
        return RetryResult(
            [
                self._attempt(request, arrived.get(request.id), lease, claimed_at, probe=budget.probe)
                for request in again
            ],
            moved=any(decision.action is not Action.ATTEMPT for decision in decisions.values()),
            suspects=bool(suspects),
            isolated=bool(suspects) and alone and bool(again),
        )

    @staticmethod
    def _afford(wanted: Sequence[DueRequest], budget: Budget) -> list[DueRequest]:
        again = []
        for request in wanted:
            if (
                budget.slots_of(request.lane) > 0
                and budget.may_send(request.sender_id)
                and budget.quota_left(request.sender_id) >= request.parts
            ):
                budget.spend(request.lane, request.sender_id, request.parts)
                again.append(request)
        return again

    async def _cut_off(self, connection: Connection, due: Sequence[DueRequest]) -> dict[UUID, float]:
        crashed = [request.id for request in due if request.crashed]
        if not crashed:
            return {}
        self._observer.lease_expired(len(crashed))
        log.warning("lease_expired", requests=len(crashed))
        return await claims.close_expired_leases(connection, crashed)

    def _decide(self, request: DueRequest, arrived: dict[UUID, float], lane: QueueHead) -> Decision:
        crashed = int(request.crashed)
        return decide(
            RequestState(
                attempts=request.attempts,
                never_sent=request.never_sent_attempts,
                ambiguous=request.ambiguous_attempts + crashed,
                crashes=request.crashes + crashed,
                maybe_arrived_ago=arrived.get(request.id, request.maybe_arrived_ago),
                first_expiry_in=request.first_expiry_in,
                last_expiry_in=request.last_expiry_in,
                suppressed=request.suppressed,
            ),
            RetryRules(self._settings.last_claim, lane.max_attempts, lane.on_uncertain == "resend"),
        )

    async def _end(self, connection: Connection, decisions: dict[UUID, Decision]) -> None:
        """Write the decisions that are not another attempt; they are rare, so one statement each."""
        for request_id, decision in decisions.items():
            match decision.action:
                case Action.ATTEMPT:
                    continue
                case Action.UNCERTAIN:
                    await claims.mark_uncertain(connection, [request_id], decision.reason)
                    log.warning(
                        "request_uncertain",
                        request_id=request_id.hex,
                        reason=decision.reason.partition(":")[0],
                    )
                case Action.RESEND | Action.REQUEUE:
                    await claims.requeue_messages(
                        connection, [request_id], new_generation=decision.action is Action.RESEND
                    )
                case Action.FAIL | Action.EXPIRE:
                    ending = TerminalStatus.FAILED if decision.action is Action.FAIL else TerminalStatus.EXPIRED
                    for lane in await claims.fail_requests(connection, [request_id], ending, decision.reason):
                        self._observer.ended(lane, ending.value, 1)

    def _attempt(
        self, request: DueRequest, arrived: float | None, lease: Lease, claimed_at: float, *, probe: bool
    ) -> Attempt:
        return Attempt(
            request_id=request.id,
            token=lease.token,
            number=request.attempts + 1,
            body=request.body,
            lane=request.lane,
            route=request.route,
            sender_id=request.sender_id,
            recipients=len(request.members),
            failures=request.never_sent_attempts + request.ambiguous_attempts + int(request.crashed),
            maybe_arrived=request.maybe_arrived_ago is not None or arrived is not None,
            probe=probe,
            messages=None,
            consulted_at=claimed_at,
            send_by=claimed_at + self._settings.start_within,
            lease_until=claimed_at + lease.seconds,
            ready_at=() if request.oldest_ready is None else (request.oldest_ready.timestamp(),),
            first_expiry=deadline(claimed_at, request.first_expiry_in),
            last_expiry=deadline(claimed_at, request.last_expiry_in),
        )
