"""The checker: from the evidence to violated invariants, and to what cannot be known.

Pure, so that it can be tested with forged evidence (tests/chaos/test_checker.py), and so that tests/ha can use it
too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from chaos.evidence import Commit, Dropped, Evidence, Request, Row, Text

NOT_SENT = frozenset({"failed", "expired", "suppressed", "cancelled"})
"""States that mean: certainly not sent."""

SETTLED = NOT_SENT | {"delivered", "undelivered"}

MAYBE_ARRIVED = frozenset({"accepted", "duplicate", "duplicate_unexpected", "ambiguous"})

LATE = 2.0
"""Seconds that the way to the provider's ledger may take after a message has expired."""


class Invariant(StrEnum):
    """What must hold."""

    LOST = "lost"
    """A committed row is missing."""
    PHANTOM = "phantom"
    """A row, or a text, that no application committed."""
    DOUBLED = "doubled"
    """One generation of one message was sent more than once."""
    DECIDED_TWICE = "decided twice"
    """Two requests that may both have arrived carry one generation of one message."""
    WRONG = "wrong text or number"
    CONTRADICTION = "state contradicts ledger"
    UNSETTLED = "neither final nor waiting with a reason"
    ORDER = "order broken"
    LIMIT = "limit exceeded"
    LATE = "sent after its end"
    SUPPRESSED = "sent to a suppressed number"
    ENDED = "replica ended by itself"


class Unknown(StrEnum):
    """What cannot be known. It is listed and is no violation."""

    UNCERTAIN_SENT = "uncertain, and it was sent"
    UNCERTAIN_UNSENT = "uncertain, and it was not sent"
    BEHIND_UNCERTAIN = "waits behind an uncertain one of its order key"
    DROPPED = "the provider took it and dropped it"
    ONLY_REPORTED = "the provider reported it as accepted and did not send it"
    SILENT = "the phone sends no final receipt"


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation, with what a person needs to look further; no number and no text."""

    invariant: Invariant
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the check of one run."""

    violations: tuple[Violation, ...]
    unknown: Counter[Unknown]
    states: Counter[str]
    texts: int

    @property
    def clean(self) -> bool:
        """Whether every invariant holds."""
        return not self.violations


def check(evidence: Evidence) -> Report:
    """Check a run."""
    case = _Case(evidence)
    unknown = Counter(kind for row in evidence.rows if (kind := case.unknown(row)) is not None)
    return Report(tuple(case.violations()), unknown, Counter(row.state for row in evidence.rows), len(evidence.ledger))


def unsettled(evidence: Evidence) -> list[Row]:
    """Return the rows whose state may still change by itself. A run is checked when there are none."""
    case = _Case(evidence)
    return [row for row in evidence.rows if not case.settled(row)]


class _Case:
    """The evidence with indexes."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows = {row.mark: row for row in evidence.rows}
        self.by_id = {row.id: row for row in evidence.rows}
        self.requests = {request.external_id: request for request in evidence.requests}
        self.copies: dict[tuple[int | None, int], list[Text]] = defaultdict(list)
        for text in evidence.ledger:
            self.copies[text.mark, text.generation].append(text)
        self.left = {mark for mark, _ in self.copies}
        self._blocked = self._behind_uncertain()

    def violations(self) -> Iterator[Violation]:
        """Yield every violation."""
        yield from self._submissions()
        yield from self._texts()
        yield from self._states()
        yield from self._decisions()
        yield from self._orders()
        yield from self._window()
        for name in self.evidence.ended:
            yield Violation(Invariant.ENDED, name)

    def settled(self, row: Row) -> bool:
        """Whether the row will not change any more by itself."""
        return row.state in SETTLED or self.unknown(row) is not None

    def unknown(self, row: Row) -> Unknown | None:
        """Return why a row is not final although everything is right; None if there is no such reason."""
        left = row.mark in self.left
        if row.state == "uncertain" and row.reason:
            return Unknown.UNCERTAIN_SENT if left else Unknown.UNCERTAIN_UNSENT
        if row.state in {"ready", "scheduled", "held"} and row.id in self._blocked:
            return Unknown.BEHIND_UNCERTAIN
        if row.state in {"accepted", "unconfirmed"}:
            submission = self.evidence.submissions.get(row.mark)
            if not left and self._was_dropped(row):
                return Unknown.DROPPED
            if not left:
                return Unknown.ONLY_REPORTED if self._may_be_only_reported(row) else None
            return Unknown.SILENT if submission is not None and submission.silent else None
        return None

    def _submissions(self) -> Iterator[Violation]:
        for submission in self.evidence.submissions.values():
            row = self.rows.get(submission.mark)
            if submission.commit is Commit.DONE and row is None:
                yield Violation(Invariant.LOST, f"mark {submission.mark}")
            if submission.commit in {Commit.UNDONE, Commit.REPEATED} and (
                row is not None or submission.mark in self.left
            ):
                yield Violation(Invariant.PHANTOM, f"mark {submission.mark}, {submission.commit.value}")
        for mark, times in Counter(row.mark for row in self.evidence.rows).items():
            if mark not in self.evidence.submissions or times > 1:
                yield Violation(Invariant.PHANTOM, f"mark {mark}: {times} rows")

    def _texts(self) -> Iterator[Violation]:
        for (mark, generation), copies in self.copies.items():
            name = f"mark {mark}, generation {generation}, {copies[0].external_id}"
            if len(copies) > 1:
                yield Violation(Invariant.DOUBLED, f"{name}: {len(copies)} times")
            for text in copies:
                yield from self._text(name, text)

    def _text(self, name: str, text: Text) -> Iterator[Violation]:
        submission = None if text.mark is None else self.evidence.submissions.get(text.mark)
        row = None if text.mark is None else self.rows.get(text.mark)
        request = self.requests.get(text.external_id)
        if submission is None or row is None or request is None:
            yield Violation(Invariant.PHANTOM, f"{name}: it was not committed")
            return
        if row.id not in request.members:
            yield Violation(Invariant.CONTRADICTION, f"{name}: the request that carried it does not name it")
        if (text.number, text.text) != (submission.number, submission.text):
            yield Violation(Invariant.WRONG, name)
        if submission.suppressed:
            yield Violation(Invariant.SUPPRESSED, name)
        # A request that may have arrived is retried under its id even after its TTL: only an answer ends the doubt.
        if text.sent_at > row.expires_at + LATE and len(request.outcomes) <= 1:
            yield Violation(Invariant.LATE, f"{name}: by {text.sent_at - row.expires_at:.1f} s")

    def _states(self) -> Iterator[Violation]:
        for row in self.evidence.rows:
            left = row.mark in self.left
            name = f"mark {row.mark}, message {row.id}, {row.state}: {row.reason or 'no reason'}"
            if row.state in NOT_SENT and (row.mark, row.generation) in self.copies:
                yield Violation(Invariant.CONTRADICTION, f"{name}; the ledger has it")
            elif row.state in {"delivered", "undelivered"} and not left:
                yield Violation(Invariant.CONTRADICTION, f"{name}; the ledger does not have it")
            elif not self._visible(row):
                yield Violation(Invariant.UNSETTLED, name)

    def _visible(self, row: Row) -> bool:
        """Whether the row itself shows its state and the reason."""
        if row.state in NOT_SENT:
            return bool(row.reason)
        return self.settled(row) or (row.state == "held" and self.evidence.stops_held)

    def _decisions(self) -> Iterator[Violation]:
        """A message of one generation may be in two requests only if the first certainly did not arrive."""
        carried: dict[tuple[int, int], list[str]] = defaultdict(list)
        for request in self.evidence.requests:
            if MAYBE_ARRIVED.intersection(filter(None, request.outcomes)):
                for member in request.members:
                    carried[member, request.generation].append(request.external_id)
        for (member, generation), names in carried.items():
            if len(names) > 1:
                yield Violation(
                    Invariant.DECIDED_TWICE, f"message {member}, generation {generation}: {', '.join(names)}"
                )

    def _orders(self) -> Iterator[Violation]:
        place: dict[int | None, int] = {}
        for index, text in enumerate(self.evidence.ledger):
            place.setdefault(text.mark, index)
        for rows in self._queues():
            sent = [row for row in rows if row.mark in place]
            for before, after in pairwise(sent):
                if place[before.mark] > place[after.mark] and not self._answered_too_early(before):
                    yield Violation(Invariant.ORDER, f"message {after.id} left before message {before.id}")

    def _queues(self) -> Iterator[list[Row]]:
        queues: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in sorted(self.evidence.rows, key=lambda row: row.id):
            if row.order_key is not None:
                queues[row.tenant, row.order_key].append(row)
        yield from queues.values()

    def _behind_uncertain(self) -> set[int]:
        blocked: set[int] = set()
        for rows in self._queues():
            stuck = False
            for row in rows:
                if stuck:
                    blocked.add(row.id)
                stuck = stuck or row.state == "uncertain"
        return blocked

    def _window(self) -> Iterator[Violation]:
        window = self.evidence.window
        if window.fullest > window.limit or window.refused:
            yield Violation(
                Invariant.LIMIT,
                f"{window.fullest} requests in one window of {window.limit}, {window.refused} refused",
            )

    def _was_dropped(self, row: Row) -> bool:
        return row.external_id is not None and Dropped(row.external_id, row.number) in self.evidence.dropped

    def _may_be_only_reported(self, row: Row) -> bool:
        """Whether a 409 is the only evidence: it may be about an attempt that failed later."""
        request = self._request(row)
        return request is not None and bool({"duplicate", "duplicate_unexpected"}.intersection(request.outcomes))

    def _answered_too_early(self, row: Row) -> bool:
        """Whether the provider answered 409 while it still handled the request, so that the next one went too early."""
        request = self._request(row)
        return request is not None and "duplicate" in request.outcomes

    def _request(self, row: Row) -> Request | None:
        return None if row.external_id is None else self.requests.get(row.external_id)
