"""Notices when the provider refuses everything: then it is not the messages that are wrong."""

from dataclasses import replace

from gateway.dispatch.sender import AnsweredAttempt
from gateway.domain.outcome import CONTENT_STATUSES, Outcome

REFUSAL_THRESHOLD = 5
"""Refusals that do not speak of the content, with no acceptance in between, before the route is stopped."""


class RefusalStreak:
    """Counts such refusals in this process.

    A 403 may be about one message or about the account, and its body does not always say; a 404 about a template or
    about a wrong address. One by one each fails its messages. Five in a row would go on to fail the whole backlog, and
    so the fifth stops the route like an answer that names the account: its request keeps its place, a person looks.
    """

    def __init__(self) -> None:
        self._row = 0

    def observe(self, one: AnsweredAttempt) -> AnsweredAttempt:
        """Return the attempt with what it means in the light of those before it."""
        classification, status = one.classification, one.answer.status
        if classification.outcome in {Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE_UNEXPECTED}:
            self._row = 0
        if (
            classification.outcome is not Outcome.REFUSED
            or status is None
            or status < 400
            or status in CONTENT_STATUSES
        ):
            return one
        self._row += 1
        if self._row < REFUSAL_THRESHOLD:
            return one
        stopped = replace(
            classification,
            outcome=Outcome.BLOCKED,
            reason="refused_in_a_row",
            sentence=f"{self._row} requests in a row were refused, the last with status {status}: check the account, "
            "SMSGW_MTA_BASE_URL and the templates in use, then resume the route",
            splittable=False,
        )
        return replace(one, classification=stopped)
