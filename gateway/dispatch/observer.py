"""What the sending side tells whoever wants to know; the metrics are one listener, tests another."""

from typing import Protocol

from gateway.domain.outcome import Outcome
from gateway.domain.status import RequestStatus


class Observer(Protocol):
    """Called from the hot path: must not block and must not raise."""

    def claimed(self, lane: str, messages: int) -> None:
        """Messages were bound to requests."""

    def ended(self, lane: str, state: str, messages: int) -> None:
        """Messages reached a final state without a receipt."""

    def sending(self, route: str, lane: str, recipients: int, ages: tuple[float, ...]) -> None:
        """A request goes on the wire; `ages` are seconds since its messages could first have gone."""

    def answered(self, route: str, outcome: Outcome, code: str, seconds: float) -> None:
        """A request came back."""

    def finished(self, lane: str, dispatch: RequestStatus, messages: int, ages: tuple[float, ...]) -> None:
        """A result was written."""

    def retrying(self, outcome: Outcome) -> None:
        """A request will be attempted again."""

    def lease_expired(self, requests: int) -> None:
        """Other workers' leases ended and their requests were taken over."""

    def lease_lost(self, requests: int) -> None:
        """Results came too late: the requests were no longer ours."""

    def limited(self, bucket: str, seconds: float) -> None:
        """A claim had to wait for a bucket."""
