"""What dispatch and receipts report as they work. The metrics implement it, and so do tests."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.outcome import HeldBack, Outcome
from gateway.domain.receipt import AppliedReceipt
from gateway.domain.status import RequestStatus


class DispatchObserver(Protocol):
    """Called from the hot path of dispatch: must not block and must not raise."""

    def claimed(self, lane: str, messages: int) -> None:
        """Messages were claimed into new requests."""

    def ended(self, lane: str, state: str, messages: int) -> None:
        """Messages reached a final state without a receipt."""

    def sending(self, route: str, lane: str, recipients: int, ages: tuple[float, ...]) -> None:
        """A request is about to be sent; `ages` are the seconds since its messages became ready."""

    def call_ended(self, route: str) -> None:
        """The call of a request ended, however it ended."""

    def answered(self, route: str, outcome: Outcome, code: str, seconds: float) -> None:
        """It was decided what an attempt led to, with an answer or without."""

    def held_back(self, reason: HeldBack) -> None:
        """An attempt was not made because it was too late for it; no byte was sent."""

    def finished(self, lane: str, status: RequestStatus, messages: int, ages: tuple[float, ...]) -> None:
        """A result was written."""

    def retrying(self, outcome: Outcome) -> None:
        """A request will be attempted again."""

    def lease_expired(self, requests: int) -> None:
        """Leases of other workers ended, and this worker claimed their requests."""

    def lease_lost(self, requests: int) -> None:
        """Results came too late: the requests no longer belonged to this worker."""

    def limited(self, bucket: str, seconds: float) -> None:
        """A claim had to wait for a bucket."""


class ReceiptObserver(Protocol):
    """Called from the webhook listener and the receipt applier: must not block and must not raise."""

    def webhook(self, event: str, result: str, seconds: float) -> None:
        """A webhook call was answered."""

    def applied(self, rows: Sequence[AppliedReceipt]) -> None:
        """Receipts were applied."""

    def settled(self, groups: Sequence[tuple[str, str]]) -> None:
        """Messages to groups became final: lane and state of each."""

    def abandoned(self, count: int) -> None:
        """Receipts were abandoned that found no message in three days."""


class NullObserver:
    """Reports nothing: a `ReceiptObserver` for tools and tests that keep no metrics."""

    def webhook(self, event: str, result: str, seconds: float) -> None:
        """Ignore it."""

    def applied(self, rows: Sequence[AppliedReceipt]) -> None:
        """Ignore it."""

    def settled(self, groups: Sequence[tuple[str, str]]) -> None:
        """Ignore it."""

    def abandoned(self, count: int) -> None:
        """Ignore it."""
