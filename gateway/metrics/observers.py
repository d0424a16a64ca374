"""Counts what the sending and the receiving side report."""

from collections.abc import Sequence
from functools import cache

from gateway.domain.outcome import HeldBack, Outcome
from gateway.domain.receipt import AppliedReceipt
from gateway.domain.status import RequestStatus
from gateway.metrics.registry import Metrics
from gateway.store.buckets import bucket_label


class DispatchMetrics:
    """Implements `gateway.domain.observers.DispatchObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # Finding a child by its labels costs more than counting, and each message counts on several.
        self._inflight = cache(metrics.inflight.labels)
        self._requests = cache(metrics.requests.labels)
        self._request_seconds = cache(metrics.request_seconds.labels)
        self._commit_to_send = cache(metrics.commit_to_send.labels)
        self._commit_to_accept = cache(metrics.commit_to_accept.labels)

    def claimed(self, lane: str, messages: int) -> None:
        """Messages were bound to requests."""
        self._metrics.claimed.labels(lane).inc(messages)

    def ended(self, lane: str, state: str, messages: int) -> None:
        """Messages reached a final state without a receipt."""
        self._metrics.finished.labels(lane, state).inc(messages)

    def sending(self, route: str, lane: str, recipients: int, ages: tuple[float, ...]) -> None:
        """A request is about to be sent."""
        self._inflight(route).inc()
        self._metrics.recipients.observe(recipients)
        wait = self._commit_to_send(lane)
        for age in ages:
            wait.observe(age)

    def call_ended(self, route: str) -> None:
        """The call of a request ended."""
        self._inflight(route).dec()

    def held_back(self, reason: HeldBack) -> None:
        """An attempt was too late to be made."""
        self._metrics.held_back.labels(reason.value).inc()

    def answered(self, route: str, outcome: Outcome, code: str, seconds: float) -> None:
        """It was decided what an attempt led to."""
        self._requests(route, outcome.value, code).inc()
        self._request_seconds(route, outcome.value).observe(seconds)
        if outcome is Outcome.DUPLICATE_UNEXPECTED:
            self._metrics.duplicate_unexpected.inc()

    def finished(self, lane: str, status: RequestStatus, messages: int, ages: tuple[float, ...]) -> None:
        """A result was written."""
        if status is RequestStatus.ACCEPTED:
            accepted = self._commit_to_accept(lane)
            for age in ages:
                accepted.observe(age)
        elif status is RequestStatus.REJECTED:
            self._metrics.finished.labels(lane, "failed").inc(messages)

    def retrying(self, outcome: Outcome) -> None:
        """A request will be attempted again."""
        self._metrics.retries.labels(outcome.value).inc()

    def lease_expired(self, requests: int) -> None:
        """Leases of other workers ended."""
        self._metrics.lease_expired.inc(requests)

    def lease_lost(self, requests: int) -> None:
        """Results came too late."""
        self._metrics.lease_expired.inc(requests)

    def limited(self, bucket: str, seconds: float) -> None:
        """A claim had to wait for a bucket; sender ids are left out of the label."""
        self._metrics.limiter_wait.labels(bucket_label(bucket)).observe(seconds)


class ReceiptMetrics:
    """Implements `gateway.domain.observers.ReceiptObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # Finding a child by its labels costs as much as the rest of a call's metrics.
        self._children = cache(
            lambda event, result: (metrics.webhooks.labels(event, result), metrics.webhook_seconds.labels(event))
        )

    def webhook(self, event: str, result: str, seconds: float) -> None:
        """A call to the listener was answered."""
        count, duration = self._children(event, result)
        count.inc()
        duration.observe(seconds)

    def settled(self, groups: Sequence[tuple[str, str]]) -> None:
        """Messages to groups became final: lane and state of each."""
        for lane, state in groups:
            self._metrics.finished.labels(lane, state).inc()

    def abandoned(self, count: int) -> None:
        """Receipts were abandoned that found no message in three days."""
        self._metrics.receipts_abandoned.inc(count)

    def applied(self, rows: Sequence[AppliedReceipt]) -> None:
        """Receipts were applied."""
        for row in rows:
            status = row.delivery_status or "none"
            self._metrics.receipts.labels(status, row.source).inc(row.receipts)
            if row.result == "conflict":
                self._metrics.receipt_conflicts.inc(row.receipts)
            elif row.result == "foreign":
                self._metrics.receipts_foreign.inc(row.receipts)
            if row.unread:
                self._metrics.receipts_unread.inc(row.receipts)
            if row.moves and row.source == "poll":
                self._metrics.corrections.inc(row.receipts)
            since_accept = self._metrics.accept_to_receipt.labels(status)
            for seconds in row.since_accept:
                since_accept.observe(seconds)
            if row.final_state is not None and row.lane is not None:
                self._metrics.finished.labels(row.lane, row.final_state).inc(row.receipts)
                since_ready = self._metrics.commit_to_delivered.labels(row.lane)
                for seconds in row.since_ready:
                    since_ready.observe(seconds)
