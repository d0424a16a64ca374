"""The metrics, by name."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import gateway
from gateway.domain.lanes import BUILT_IN_LANES
from gateway.domain.outcome import HeldBack, Outcome
from gateway.domain.receipt import Event, Source
from gateway.domain.states import FINAL_STATES, OPEN_STATES
from gateway.domain.status import DeliveryStatus
from gateway.provider.registry import ROUTES
from gateway.receipts.listener import WebhookResult
from gateway.store.buckets import BUCKET_KINDS
from gateway.store.health import HOT_INDEXES, HOT_TABLES
from gateway.store.pauses import Scope

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds: for calls and for the wait of a message that should not wait."""

SLOW = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 72 * 3600)
"""Seconds: for what carriers and backlogs take."""

RECIPIENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Every metric of one process."""

    def __init__(self, *, routes: Iterable[str] = ROUTES, lanes: Iterable[str] = BUILT_IN_LANES) -> None:
        self.registry = CollectorRegistry()
        self._lanes = tuple(lanes)
        self._routes = tuple(routes)
        self._sending()
        self._receiving()
        self._standing()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics in the format that the scraper prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _counter(self, name: str, text: str, *labels: tuple[str, Iterable[str]]) -> Counter:
        counter = Counter(name, text, [label for label, _ in labels], registry=self.registry)
        _start_at_zero(counter, labels)
        return counter

    def _gauge(self, name: str, text: str, *labels: tuple[str, Iterable[str]]) -> Gauge:
        gauge = Gauge(name, text, [label for label, _ in labels], registry=self.registry)
        _start_at_zero(gauge, labels)
        return gauge

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: tuple[str, Iterable[str]]
    ) -> Histogram:
        histogram = Histogram(name, text, [label for label, _ in labels], buckets=buckets, registry=self.registry)
        _start_at_zero(histogram, labels)
        return histogram

    def _sending(self) -> None:
        lane, route = ("lane", self._lanes), ("route", self._routes)
        outcome = ("outcome", [one.value for one in Outcome])
        self.claimed = self._counter("smsgw_messages_claimed", "Messages bound to requests.", lane)
        self.finished = self._counter(
            "smsgw_messages_finished", "Messages that reached a final state.", lane, ("state", FINAL_STATES)
        )
        self.requests = Counter(
            "smsgw_provider_requests",
            "Calls to the provider.",
            ["route", "outcome", "code"],
            registry=self.registry,
        )
        self.requests.labels(self._routes[0], Outcome.ACCEPTED.value, "200")
        self.request_seconds = self._histogram(
            "smsgw_provider_request_seconds", "Duration of calls to the provider.", QUICK, route, outcome
        )
        self.inflight = self._gauge("smsgw_provider_inflight", "Calls to the provider in flight.", route)
        self.recipients = self._histogram("smsgw_request_recipients", "Messages in a request.", RECIPIENTS)
        self.commit_to_send = self._histogram(
            "smsgw_commit_to_send_seconds",
            "From when a message could go to its first byte.",
            SLOW_AND_QUICK,
            lane,
        )
        self.commit_to_accept = self._histogram(
            "smsgw_commit_to_accept_seconds",
            "From when a message could go to its acceptance by the provider.",
            SLOW_AND_QUICK,
            lane,
        )
        self.retries = self._counter("smsgw_retries", "Attempts that will be repeated.", outcome)
        self.lease_expired = self._counter(
            "smsgw_lease_expired", "Leases that ended during an attempt or before its result was written."
        )
        self.duplicate_unexpected = self._counter(
            "smsgw_duplicate_unexpected", "Conflicts although no earlier attempt can have arrived."
        )

    def _receiving(self) -> None:
        lane, event = ("lane", self._lanes), ("event", Event)
        self.webhooks = self._counter(
            "smsgw_webhook_requests", "Calls to the webhook listener.", event, ("result", WebhookResult)
        )
        self.webhook_seconds = self._histogram(
            "smsgw_webhook_seconds", "Duration of calls to the webhook listener.", QUICK, event
        )
        self.receipts = self._counter(
            "smsgw_receipts", "Receipts applied.", ("status", DeliveryStatus), ("source", Source)
        )
        self.receipts_unmatched = self._gauge("smsgw_receipts_unmatched", "Receipts that found no message yet.")
        self.receipt_conflicts = self._counter(
            "smsgw_receipt_conflicts", "Receipts that contradict an earlier final one."
        )
        self.receipts_foreign = self._counter(
            "smsgw_receipts_foreign", "Receipts of messages that others on the account sent."
        )
        self.receipts_unread = self._counter(
            "smsgw_receipts_unread",
            "Receipts with a status that the provider does not document; they are kept and change nothing.",
        )
        self.receipts_abandoned = self._counter(
            "smsgw_receipts_abandoned", "Receipts that found no message in three days."
        )
        self.corrections = self._counter("smsgw_reconcile_corrections", "States that only the poller brought.")
        self.accept_to_receipt = self._histogram(
            "smsgw_accept_to_receipt_seconds", "From acceptance to a receipt.", SLOW, ("status", DeliveryStatus)
        )
        self.commit_to_delivered = self._histogram(
            "smsgw_commit_to_delivered_seconds", "From when a message could go to its delivery.", SLOW, lane
        )

    def _standing(self) -> None:
        lane = ("lane", self._lanes)
        self.outbox = self._gauge(
            "smsgw_outbox_messages", "Messages that are not final, by state.", lane, ("state", OPEN_STATES)
        )
        self.oldest_ready = self._gauge("smsgw_outbox_oldest_ready_seconds", "Age of the oldest waiting message.", lane)
        self.drain_eta = self._gauge(
            "smsgw_drain_eta_seconds", "Seconds until the backlog is gone, at the limiter's rate.", lane
        )
        buckets = ("bucket", [f"{route}:{kind}" for route in self._routes for kind in BUCKET_KINDS])
        self.tokens = self._gauge("smsgw_limiter_tokens", "Tokens in a bucket of the limiter.", buckets)
        self.limiter_wait = self._histogram(
            "smsgw_limiter_wait_seconds", "Waits of claims for tokens of a bucket.", QUICK, buckets
        )
        self.held_back = self._counter(
            "smsgw_attempts_held_back_total",
            "Attempts that were too late to be made; nothing was sent.",
            ("reason", HeldBack),
        )
        self.breaker = self._gauge(
            "smsgw_breaker_open", "Whether the route's breaker is open.", ("route", self._routes)
        )
        self.paused = self._gauge("smsgw_paused", "Pauses in force.", ("scope", Scope))
        self.oldest_snapshot = self._gauge(
            "smsgw_database_oldest_snapshot_seconds", "Age of the oldest transaction that keeps dead rows from removal."
        )
        self.dead_rows = self._gauge(
            "smsgw_table_dead_rows", "Dead rows of the tables that are written most.", ("table", HOT_TABLES)
        )
        self.index_bytes = self._gauge("smsgw_index_bytes", "Size of the hot indexes.", ("index", HOT_INDEXES))
        info = Gauge("smsgw_build_info", "The release that runs.", ["version"], registry=self.registry)
        info.labels(gateway.__version__).set(1)


SLOW_AND_QUICK = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600)


def _start_at_zero(metric: Counter | Gauge | Histogram, labels: tuple[tuple[str, Iterable[str]], ...]) -> None:
    """Touch every known combination, so that a rate over a first event is not lost."""
    combinations: list[tuple[str, ...]] = [()]
    for _, values in labels:
        known = list(values)
        combinations = [(*head, value) for head in combinations for value in known]
    for combination in combinations:
        if combination:
            metric.labels(*combination)
