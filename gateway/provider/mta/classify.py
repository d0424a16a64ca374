"""What an answer of `POST /send` means. Source: the provider's error catalogue, and docs/design.md, "Outcomes"."""

from gateway.domain.outcome import (
    Answer,
    Classification,
    History,
    Outcome,
    Phase,
    ambiguous,
    duplicate,
    never_sent,
)
from gateway.domain.reasons import ReasonCode
from gateway.provider.mta import reasons
from gateway.provider.mta.response import MtaAnswer

_CONTENT_STATUSES = frozenset({400, 413, 422})
"""Statuses about what the request carries."""

_SPLITTABLE = _CONTENT_STATUSES | {403}
"""Only one of many messages may be meant: a filter that objects to one text answers 403 too."""

_REFUSALS = {
    400: reasons.BAD_REQUEST,
    403: reasons.FORBIDDEN,
    404: reasons.NOT_FOUND,
    405: reasons.NOT_ALLOWED,
    413: reasons.TOO_LARGE,
    422: reasons.UNPROCESSABLE,
}

_BLOCKS = {401: reasons.UNAUTHORIZED, 402: reasons.NO_CREDIT}


def classify(answer: Answer, history: History) -> Classification:
    """Return what an answer means, given what earlier attempts of the same id left open."""
    if answer.phase in {Phase.NOT_SENT, Phase.HELD_BACK}:
        return never_sent(answer)
    if answer.phase is Phase.MAYBE_SENT or answer.status is None:
        return ambiguous(answer, answer.error or "no_answer", "the connection ended before a complete answer came")
    if 200 <= answer.status < 300:
        return _success(answer, history)
    if answer.status == 409:
        return duplicate(history, reasons.DUPLICATE, reasons.DUPLICATE_UNEXPECTED)
    if answer.status == 429:
        return _of(Outcome.THROTTLED, reasons.THROTTLED, retry_after=answer.retry_after)
    if answer.status in _BLOCKS:
        return _of(Outcome.BLOCKED, _BLOCKS[answer.status])
    if answer.status == 403 and isinstance(answer, MtaAnswer) and answer.account_level:
        return _of(Outcome.BLOCKED, reasons.ACCOUNT_RESTRICTED)
    if 400 <= answer.status < 500 and answer.status != 408:
        return _refused(answer.status)
    # 408 and 5xx may come from a proxy after the provider took the message; 1xx and 3xx are not documented at all.
    return ambiguous(
        answer, f"http_{answer.status}", f"the provider answered {answer.status}; whether it sent is not known"
    )


def _success(answer: Answer, history: History) -> Classification:
    if not answer.readable:
        return ambiguous(answer, reasons.UNREADABLE_ANSWER.code, reasons.UNREADABLE_ANSWER.sentence)
    if isinstance(answer, MtaAnswer) and answer.success_false:
        # Undocumented: the status reports success, the body failure. "Not sent" would need proof, so it stays open.
        return ambiguous(answer, reasons.SUCCESS_FALSE.code, reasons.SUCCESS_FALSE.sentence)
    if answer.total_sent == 0:
        # The count is definite and the id is used up: another try needs a new id.
        return _of(Outcome.REFUSED, reasons.SENT_TO_NOBODY, splittable=True, about_content=True)
    shortfall = 0 if answer.total_sent is None else max(0, history.recipients - answer.total_sent)
    if shortfall:
        return Classification(
            Outcome.ACCEPTED,
            reasons.SHORTFALL.code,
            f"the provider sent to {answer.total_sent} of {history.recipients} and does not report to which",
            shortfall=shortfall,
        )
    return Classification(Outcome.ACCEPTED, "accepted", "the provider accepted the request")


def _refused(status: int) -> Classification:
    reason = _REFUSALS.get(status)
    if reason is None:
        return Classification(
            Outcome.REFUSED, f"http_{status}", f"the provider refused the request with status {status}"
        )
    return _of(Outcome.REFUSED, reason, splittable=status in _SPLITTABLE, about_content=status in _CONTENT_STATUSES)


def _of(
    outcome: Outcome,
    reason: ReasonCode,
    *,
    retry_after: float | None = None,
    splittable: bool = False,
    about_content: bool = False,
) -> Classification:
    return Classification(
        outcome,
        reason.code,
        reason.sentence,
        retry_after=retry_after,
        splittable=splittable,
        about_content=about_content,
    )
