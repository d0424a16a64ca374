"""Notices when the provider refuses request after request: then the cause is not in the messages."""

from dataclasses import replace

from gateway.dispatch.sender import AnsweredAttempt
from gateway.domain.outcome import Outcome

REFUSAL_THRESHOLD = 5
"""Consecutive refusals for reasons other than the content, without an acceptance in between, that stop the route."""


class RefusalStreak:
    """Counts such refusals in this process.

    A refusal may be about one message or about the account, and the answer does not always show which. Each refusal
    fails its messages. Many of them would fail the whole backlog. So the fifth pauses the route, like an answer that
    names the account: its request keeps its place, and an operator decides.
    """

    def __init__(self) -> None:
        self._count = 0

    def reclassify(self, answered: AnsweredAttempt) -> AnsweredAttempt:
        """Count the attempt; return it as it is, or as blocked if it completes a streak."""
        classification = answered.classification
        if classification.outcome in {Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE_UNEXPECTED}:
            self._count = 0
        if classification.outcome is not Outcome.REFUSED or classification.about_content:
            return answered
        self._count += 1
        if self._count < REFUSAL_THRESHOLD:
            return answered
        blocked = replace(
            classification,
            outcome=Outcome.BLOCKED,
            reason="refused_in_a_row",
            sentence=f"{self._count} consecutive requests were refused, the last with status {answered.answer.status}",
            splittable=False,
        )
        return replace(answered, classification=blocked)
