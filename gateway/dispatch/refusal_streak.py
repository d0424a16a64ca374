"""Detects that the provider refuses everything: then the cause is not in the messages."""

from dataclasses import replace

from gateway.dispatch.sender import AnsweredAttempt
from gateway.domain.outcome import Outcome

REFUSAL_THRESHOLD = 5
"""Refusals that are not about the content, with no acceptance in between, before the route is stopped."""


class RefusalStreak:
    """Counts such refusals in this process.

    Some refusals may be about one message or about the account, and the answer does not always tell which. One by one,
    each fails its messages. A row of them would fail the whole backlog. So the fifth in a row stops the route, like an
    answer that names the account: its request keeps its place, and an operator decides.
    """

    def __init__(self) -> None:
        self._count = 0

    def observe(self, one: AnsweredAttempt) -> AnsweredAttempt:
        """Return the attempt, blocked if it completes a streak."""
        classification = one.classification
        if classification.outcome in {Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE_UNEXPECTED}:
            self._count = 0
        if classification.outcome is not Outcome.REFUSED or classification.about_content:
            return one
        self._count += 1
        if self._count < REFUSAL_THRESHOLD:
            return one
        stopped = replace(
            classification,
            outcome=Outcome.BLOCKED,
            reason="refused_in_a_row",
            sentence=f"{self._count} requests in a row were refused, the last with status {one.answer.status}",
            splittable=False,
        )
        return replace(one, classification=stopped)
