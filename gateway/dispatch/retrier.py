"""The part of a claim that leases requests again: retries that are due, and requests whose worker died."""

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
    removed_some: bool = False
    """Requests were ended or requeued without another attempt."""
    suspects_due: bool = False
    """Requests are due that may have killed workers."""
    isolated: bool = False
    """The only attempt is such a request, and nothing else may be in flight with it."""


class Retrier:
    """Decides about due requests inside the claim's transaction."""

    def __init__(self, settings: ClaimSettings, observer: DispatchObserver) -> None:
        self._settings = settings
        self._observer = observer

    async def claim(
        self,
        connection: Connection,
        heads: Sequence[QueueHead],
        budget: Budget,
        lease: Lease,
        *,
        idle: bool,
    ) -> RetryResult:
        """Lease due requests of these lanes while slots and tokens last; end those that must not be sent again.

        `idle`: nothing else is in flight, so a request that may have killed workers can be sent alone.
        """
        lanes = {head.lane: head for head in heads if head.retry}
        wanted = [
            (head.lane, head.sender, budget.requests_of(head.lane))
            for head in heads
            if head.retry and budget.requests_of(head.lane) > 0
        ]
        if not wanted:
            return RetryResult([])
        due = await claims.lock_due_requests(connection, wanted)
        maybe_arrived_ago = await self._close_expired_leases(connection, due)
        decisions = {request.id: self._decide(request, maybe_arrived_ago, lanes[request.lane]) for request in due}
        await self._apply(connection, decisions)
        sendable = [request for request in due if decisions[request.id].action is Action.ATTEMPT]
        suspects = [request for request in sendable if request.crashes + request.crashed >= ISOLATE_AFTER_CRASHES]
        if suspects and idle:
            sendable = suspects[:1]
        elif suspects:
            sendable = [request for request in sendable if request not in suspects]
        retries = self._within_budget(sendable, budget)
        if retries:
            await claims.lease_retries(connection, [request.id for request in retries], lease)
        return RetryResult(
            [self._attempt(request, maybe_arrived_ago.get(request.id), lease, budget) for request in retries],
            removed_some=any(decision.action is not Action.ATTEMPT for decision in decisions.values()),
            suspects_due=bool(suspects),
            isolated=bool(suspects) and idle and bool(retries),
        )

    @staticmethod
    def _within_budget(requests: Sequence[DueRequest], budget: Budget) -> list[DueRequest]:
        """Return the requests that the budget allows, after it has paid for them."""
        allowed = []
        for request in requests:
            if (
                budget.requests_of(request.lane) > 0
                and budget.may_send(request.sender_id)
                and budget.day_left(request.sender_id) >= request.parts
            ):
                budget.spend(request.lane, request.sender_id, request.parts)
                allowed.append(request)
        return allowed

    async def _close_expired_leases(self, connection: Connection, due: Sequence[DueRequest]) -> dict[UUID, float]:
        """Close the attempts whose lease ended; return how long ago each of these requests may first have arrived."""
        crashed = [request.id for request in due if request.crashed]
        if not crashed:
            return {}
        self._observer.lease_expired(len(crashed))
        log.warning("lease_expired", requests=len(crashed))
        return await claims.close_expired_leases(connection, crashed)

    def _decide(self, request: DueRequest, maybe_arrived_ago: dict[UUID, float], lane: QueueHead) -> Decision:
        crashed = int(request.crashed)
        return decide(
            RequestState(
                attempts=request.attempts,
                never_sent=request.never_sent_attempts,
                ambiguous=request.ambiguous_attempts + crashed,
                crashes=request.crashes + crashed,
                maybe_arrived_ago=maybe_arrived_ago.get(request.id, request.maybe_arrived_ago),
                first_expiry_in=request.first_expiry_in,
                last_expiry_in=request.last_expiry_in,
                suppressed=request.suppressed,
            ),
            RetryRules(self._settings.last_send, lane.max_attempts, lane.on_uncertain == "resend"),
        )

    async def _apply(self, connection: Connection, decisions: dict[UUID, Decision]) -> None:
        """Write the decisions that are not another attempt. They are rare, so each takes one statement."""
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
                    status = TerminalStatus.FAILED if decision.action is Action.FAIL else TerminalStatus.EXPIRED
                    for lane in await claims.fail_requests(connection, [request_id], status, decision.reason):
                        self._observer.ended(lane, status.value, 1)

    def _attempt(self, request: DueRequest, maybe_arrived_ago: float | None, lease: Lease, budget: Budget) -> Attempt:
        claimed_at = budget.taken_before
        ago = request.maybe_arrived_ago if maybe_arrived_ago is None else maybe_arrived_ago
        return Attempt(
            request_id=request.id,
            claim_token=lease.token,
            number=request.attempts + 1,
            body=request.body,
            lane=request.lane,
            route=request.route,
            sender_id=request.sender_id,
            recipients=len(request.members),
            failures=request.never_sent_attempts + request.ambiguous_attempts + int(request.crashed),
            maybe_arrived=ago is not None,
            probe=budget.probe,
            messages=None,
            limiter_token=budget.token(request.lane),
            claimed_at=claimed_at,
            suppressions_read_at=claimed_at,
            send_from=budget.send_from(request.lane),
            send_by=claimed_at + self._settings.send_within,
            ready_at=() if request.oldest_ready is None else (request.oldest_ready.timestamp(),),
            first_expiry=deadline(claimed_at, request.first_expiry_in),
            last_expiry=deadline(claimed_at, request.last_expiry_in),
            horizon_end=None if ago is None else claimed_at + self._settings.last_send - ago,
        )
