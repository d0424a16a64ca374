"""The classify: from the evidence to breaches of the promises, and to what nobody could know.

Pure, so that it can be tested with forged evidence (tests/chaos/test_checker.py), and so that the runs of
tests/ha use the same one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from chaos.evidence import Commit, Dropped, Evidence, Request, Row, Text

NOT_SENT = frozenset({"failed", "expired", "suppressed", "cancelled"})
"""States that say: certainly not sent."""

SETTLED = NOT_SENT | {"delivered", "undelivered"}

MAYBE_ARRIVED = frozenset({"accepted", "duplicate", "duplicate_unexpected", "ambiguous"})

LATE = 2.0
"""Seconds from a message's end to the ledger that the way to the provider may take."""


class InvariantViolation(StrEnum):
    """The ways in which a promise can be broken."""

    LOST = "lost"
    """A committed row is not there."""
    PHANTOM = "phantom"
    """A row, or a text, that no application committed."""
    DOUBLED = "doubled"
    """One generation of one message left more than once."""
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
    """What nobody could know; listed, and no breach."""

    UNCERTAIN_SENT = "uncertain, and it left"
    UNCERTAIN_UNSENT = "uncertain, and it did not leave"
    BEHIND_UNCERTAIN = "waits behind an uncertain one of its order key"
    DROPPED = "the provider took it and dropped it"
    ONLY_SAID = "the provider said that it had it, and sent nothing"
    SILENT = "the phone sends no final receipt"


@dataclass(frozen=True, slots=True)
class Found:
    """One breach, with what a person needs to look further; no number and no text."""

    breach: InvariantViolation
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one run."""

    breaches: tuple[Found, ...]
    unknown: Counter[Unknown]
    states: Counter[str]
    texts: int

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.breaches


def check(evidence: Evidence) -> Report:
    """Judge a run."""
    case = _Case(evidence)
    unknown = Counter(kind for row in evidence.rows if (kind := case.unknown(row)) is not None)
    return Report(tuple(case.breaches()), unknown, Counter(row.state for row in evidence.rows), len(evidence.ledger))


def unsettled(evidence: Evidence) -> list[Row]:
    """Return the rows that may still move by themselves: what a run waits for before it is judged."""
    case = _Case(evidence)
    return [row for row in evidence.rows if not case.settled(row)]


class _Case:
    """The evidence, indexed."""

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

    def breaches(self) -> Iterator[Found]:
        """Yield every breach."""
        yield from self._wishes()
        yield from self._texts()
        yield from self._states()
        yield from self._decisions()
        yield from self._orders()
        yield from self._window()
        for name in self.evidence.ended:
            yield Found(InvariantViolation.ENDED, name)

    def settled(self, row: Row) -> bool:
        """Whether nothing more will happen to a row by itself."""
        return row.state in SETTLED or self.unknown(row) is not None

    def unknown(self, row: Row) -> Unknown | None:
        """Return why a row is not final although all went as it should, None if there is no such reason."""
        left = row.mark in self.left
        if row.state == "uncertain" and row.reason:
            return Unknown.UNCERTAIN_SENT if left else Unknown.UNCERTAIN_UNSENT
        if row.state in {"ready", "scheduled", "held"} and row.id in self._blocked:
            return Unknown.BEHIND_UNCERTAIN
        if row.state in {"accepted", "unconfirmed"}:
            wish = self.evidence.wishes.get(row.mark)
            if not left and self._was_dropped(row):
                return Unknown.DROPPED
            if not left:
                return Unknown.ONLY_SAID if self._may_have_only_been_said(row) else None
            return Unknown.SILENT if wish is not None and wish.silent else None
        return None

    def _wishes(self) -> Iterator[Found]:
        for wish in self.evidence.wishes.values():
            row = self.rows.get(wish.mark)
            if wish.commit is Commit.DONE and row is None:
                yield Found(InvariantViolation.LOST, f"mark {wish.mark}")
            if wish.commit in {Commit.UNDONE, Commit.REPEATED} and (row is not None or wish.mark in self.left):
                yield Found(InvariantViolation.PHANTOM, f"mark {wish.mark}, {wish.commit.value}")
        for mark, times in Counter(row.mark for row in self.evidence.rows).items():
            if mark not in self.evidence.wishes or times > 1:
                yield Found(InvariantViolation.PHANTOM, f"mark {mark}: {times} rows")

    def _texts(self) -> Iterator[Found]:
        for (mark, generation), copies in self.copies.items():
            name = f"mark {mark}, generation {generation}, {copies[0].external_id}"
            if len(copies) > 1:
                yield Found(InvariantViolation.DOUBLED, f"{name}: {len(copies)} times")
            for text in copies:
                yield from self._text(name, text)

    def _text(self, name: str, text: Text) -> Iterator[Found]:
        wish = None if text.mark is None else self.evidence.wishes.get(text.mark)
        row = None if text.mark is None else self.rows.get(text.mark)
        request = self.requests.get(text.external_id)
        if wish is None or row is None or request is None:
            yield Found(InvariantViolation.PHANTOM, f"{name}: nobody committed it")
            return
        if row.id not in request.members:
            yield Found(InvariantViolation.CONTRADICTION, f"{name}: the request that carried it does not name it")
        if (text.number, text.text) != (wish.number, wish.text):
            yield Found(InvariantViolation.WRONG, name)
        if wish.suppressed:
            yield Found(InvariantViolation.SUPPRESSED, name)
        # What may have arrived is asked about under its id whatever its time to live: only an answer ends the doubt.
        if text.sent_at > row.expires_at + LATE and len(request.outcomes) <= 1:
            yield Found(InvariantViolation.LATE, f"{name}: by {text.sent_at - row.expires_at:.1f} s")

    def _states(self) -> Iterator[Found]:
        for row in self.evidence.rows:
            left = row.mark in self.left
            name = f"mark {row.mark}, message {row.id}, {row.state}: {row.reason or 'no reason'}"
            if row.state in NOT_SENT and (row.mark, row.generation) in self.copies:
                yield Found(InvariantViolation.CONTRADICTION, f"{name}; the ledger has it")
            elif row.state in {"delivered", "undelivered"} and not left:
                yield Found(InvariantViolation.CONTRADICTION, f"{name}; the ledger does not have it")
            elif not self._visible(row):
                yield Found(InvariantViolation.UNSETTLED, name)

    def _visible(self, row: Row) -> bool:
        """Whether a person who looks at the row sees where it stands and why."""
        if row.state in NOT_SENT:
            return bool(row.reason)
        return self.settled(row) or (row.state == "held" and self.evidence.stops_held)

    def _decisions(self) -> Iterator[Found]:
        """A message of one generation may be in two requests only if the first certainly did not arrive."""
        carried: dict[tuple[int, int], list[str]] = defaultdict(list)
        for request in self.evidence.requests:
            if MAYBE_ARRIVED.intersection(filter(None, request.outcomes)):
                for member in request.members:
                    carried[member, request.generation].append(request.external_id)
        for (member, generation), names in carried.items():
            if len(names) > 1:
                yield Found(
                    InvariantViolation.DECIDED_TWICE, f"message {member}, generation {generation}: {', '.join(names)}"
                )

    def _orders(self) -> Iterator[Found]:
        place: dict[int | None, int] = {}
        for index, text in enumerate(self.evidence.ledger):
            place.setdefault(text.mark, index)
        for rows in self._queues():
            sent = [row for row in rows if row.mark in place]
            for before, after in pairwise(sent):
                if place[before.mark] > place[after.mark] and not self._said_too_early(before):
                    yield Found(InvariantViolation.ORDER, f"message {after.id} left before message {before.id}")

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

    def _window(self) -> Iterator[Found]:
        window = self.evidence.window
        if window.fullest > window.limit or window.refused:
            yield Found(
                InvariantViolation.LIMIT,
                f"{window.fullest} requests in one window of {window.limit}, {window.refused} refused",
            )

    def _was_dropped(self, row: Row) -> bool:
        return row.external_id is not None and Dropped(row.external_id, row.number) in self.evidence.dropped

    def _may_have_only_been_said(self, row: Row) -> bool:
        """Whether the provider's word is all there is: a 409, which may speak of a try that failed later."""
        request = self._request(row)
        return request is not None and bool({"duplicate", "duplicate_unexpected"}.intersection(request.outcomes))

    def _said_too_early(self, row: Row) -> bool:
        """Whether the provider said 409 of a request that it was still handling, so that the next one went too soon."""
        request = self._request(row)
        return request is not None and "duplicate" in request.outcomes

    def _request(self, row: Row) -> Request | None:
        return None if row.external_id is None else self.requests.get(row.external_id)
