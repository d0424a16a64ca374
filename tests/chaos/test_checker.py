"""The checker, attacked: from a run in which every promise was kept, each forgery must be found as what it is."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chaos.checker import InvariantViolation, Unknown, check, unsettled
from chaos.evidence import Commit, Dropped, Evidence, Request, Row, Text, Window, Wish, read_ledger


def wish(mark: int, commit: Commit = Commit.DONE, **changes: Any) -> Wish:
    return Wish(mark, f"+120255501{mark:02}", f"Message #{mark}.", commit, **changes)


def row(mark: int, state: str = "delivered", **changes: Any) -> Row:
    values: dict[str, Any] = {"reason": None, "generation": 0, "tenant": "", "order_key": None, "expires_at": 100.0}
    values |= {"external_id": name(mark)} | changes
    return Row(mark, mark, f"+120255501{mark:02}", state, **values)


def name(mark: int, generation: int = 0) -> str:
    return f"r{mark}-{generation}"


def request(mark: int, *outcomes: str | None, **changes: Any) -> Request:
    values: dict[str, Any] = {"status": "accepted", "verify_reason": None, "reason": None} | changes
    return Request(name(mark), 0, (mark,), outcomes=outcomes or ("accepted",), **values)


def text(mark: int, generation: int = 0, **changes: Any) -> Text:
    values: dict[str, Any] = {"number": f"+120255501{mark:02}", "text": f"Message #{mark}.", "sent_at": 50.0} | changes
    return Text(name(mark, generation), **values)


HONEST = Evidence(
    {
        1: wish(1),
        2: wish(2),
        3: wish(3),
        4: wish(4),
        5: wish(5, silent=True),
        6: wish(6),
        7: wish(7, Commit.UNDONE),
        8: wish(8, Commit.UNKNOWN),
        9: wish(9, suppressed=True),
    },
    (
        row(1, order_key="k"),
        row(2, order_key="k"),
        row(3, "failed", reason="bad_request: refused"),
        row(4, "uncertain", reason="horizon_passed: nobody knows"),
        row(5, "accepted"),
        row(6, "expired", reason="expired: too late"),
        row(9, "suppressed", reason="suppressed: asked", external_id=None),
    ),
    (
        request(1),
        request(2, "ambiguous", "duplicate"),
        request(3, "refused", status="rejected"),
        request(4, "ambiguous", status="uncertain"),
        request(5),
        request(6, "never_sent", status="rejected"),
    ),
    (text(1), text(2), text(4), text(5)),
    Window(25, 25, 0),
)


def rows(changed: Callable[[Row], Row | None], evidence: Evidence = HONEST) -> Evidence:
    """Return the evidence with each row changed, or taken away."""
    return replace(evidence, rows=tuple(new for old in evidence.rows if (new := changed(old)) is not None))


def ledger(*texts: Text, evidence: Evidence = HONEST) -> Evidence:
    return replace(evidence, ledger=texts)


def breaches(evidence: Evidence) -> set[InvariantViolation]:
    return {found.breach for found in check(evidence).breaches}


def test_a_run_that_kept_every_promise_is_clean_and_lists_what_nobody_knows() -> None:
    report = check(HONEST)
    assert report.breaches == ()
    assert report.unknown == {Unknown.UNCERTAIN_SENT: 1, Unknown.SILENT: 1}
    assert unsettled(HONEST) == []


FORGED = {
    "a committed row is lost": (rows(lambda r: None if r.mark == 1 else r), InvariantViolation.LOST),
    "a rolled back row is there": (replace(HONEST, rows=(*HONEST.rows, row(7))), InvariantViolation.PHANTOM),
    "a row that nobody asked for is there": (replace(HONEST, rows=(*HONEST.rows, row(77))), InvariantViolation.PHANTOM),
    "a row is there twice": (replace(HONEST, rows=(*HONEST.rows, row(1))), InvariantViolation.PHANTOM),
    "a rolled back text left": (ledger(*HONEST.ledger, text(7)), InvariantViolation.PHANTOM),
    "a text of a request that is not recorded left": (
        ledger(*HONEST.ledger[1:], text(1, 3)),
        InvariantViolation.PHANTOM,
    ),
    "a text without a mark left": (ledger(*HONEST.ledger, text(1, text="Hello")), InvariantViolation.PHANTOM),
    "a ledger line is doubled": (ledger(*HONEST.ledger, text(1)), InvariantViolation.DOUBLED),
    "a message left again under another request of the same generation": (
        replace(
            ledger(*HONEST.ledger, replace(text(1), external_id="other-0")),
            requests=(*HONEST.requests, replace(request(1), external_id="other-0")),
        ),
        InvariantViolation.DOUBLED,
    ),
    "two requests that may have arrived carry one message": (
        replace(HONEST, requests=(*HONEST.requests, replace(request(4, "ambiguous"), external_id="other-0"))),
        InvariantViolation.DECIDED_TWICE,
    ),
    "a text reached another number": (
        ledger(text(1, number="+12025550199"), *HONEST.ledger[1:]),
        InvariantViolation.WRONG,
    ),
    "a text was changed on the way": (
        ledger(text(1, text="Message #1. !"), *HONEST.ledger[1:]),
        InvariantViolation.WRONG,
    ),
    "a failed message left": (ledger(*HONEST.ledger, text(3)), InvariantViolation.CONTRADICTION),
    "an expired message left": (ledger(*HONEST.ledger, text(6)), InvariantViolation.CONTRADICTION),
    "a delivered message never left": (ledger(*HONEST.ledger[1:]), InvariantViolation.CONTRADICTION),
    "a text was carried by another's request": (
        ledger(replace(text(1), external_id=name(2)), *HONEST.ledger[1:]),
        InvariantViolation.CONTRADICTION,
    ),
    "a row waits without a reason": (
        rows(lambda r: replace(r, state="ready") if r.mark == 6 else r),
        InvariantViolation.UNSETTLED,
    ),
    "an uncertain row has no reason": (
        rows(lambda r: replace(r, reason=None) if r.mark == 4 else r),
        InvariantViolation.UNSETTLED,
    ),
    "an accepted row never left, and no 409 explains it": (
        ledger(*HONEST.ledger[:-1]),
        InvariantViolation.UNSETTLED,
    ),
    "a message overtook the one before it": (
        ledger(text(2), text(1), *HONEST.ledger[2:]),
        InvariantViolation.ORDER,
    ),
    "the limit was exceeded": (replace(HONEST, window=Window(25, 26, 0)), InvariantViolation.LIMIT),
    "the provider refused a request": (replace(HONEST, window=Window(25, 25, 1)), InvariantViolation.LIMIT),
    "a text left after its end": (ledger(text(1, sent_at=103.0), *HONEST.ledger[1:]), InvariantViolation.LATE),
    "a suppressed number was written to": (
        replace(
            ledger(*HONEST.ledger, text(9)),
            requests=(*HONEST.requests, request(9)),
        ),
        InvariantViolation.SUPPRESSED,
    ),
    "a replica ended by itself": (replace(HONEST, ended=("replica-1",)), InvariantViolation.ENDED),
}


@pytest.mark.parametrize(("evidence", "breach"), FORGED.values(), ids=FORGED.keys())
def test_a_forgery_is_found(evidence: Evidence, breach: InvariantViolation) -> None:
    assert breach in breaches(evidence)


def test_every_kind_of_breach_is_forged_once() -> None:
    assert {breach for _, breach in FORGED.values()} == set(InvariantViolation)


def test_a_commit_of_unknown_outcome_may_be_there_or_not() -> None:
    there = replace(
        ledger(*HONEST.ledger, text(8)), rows=(*HONEST.rows, row(8)), requests=(*HONEST.requests, request(8))
    )
    assert check(there).clean
    assert check(HONEST).clean


def test_what_waits_behind_an_uncertain_message_is_no_breach_and_what_waits_beside_it_is() -> None:
    def stuck(key: str) -> Evidence:
        evidence = rows(lambda r: replace(r, order_key="q") if r.mark == 4 else r)
        return replace(
            evidence, wishes={**HONEST.wishes, 10: wish(10)},
            rows=(*evidence.rows, row(10, "ready", order_key=key, external_id=None)),
        )  # fmt: skip

    assert check(stuck("q")).unknown[Unknown.BEHIND_UNCERTAIN] == 1
    assert check(stuck("q")).clean
    assert breaches(stuck("other")) == {InvariantViolation.UNSETTLED}


def test_a_second_generation_is_a_copy_that_somebody_chose() -> None:
    chosen = replace(
        ledger(*HONEST.ledger, text(1, 1)),
        requests=(*HONEST.requests, replace(request(1), external_id=name(1, 1), generation=1)),
        rows=rows(lambda r: replace(r, generation=1) if r.mark == 1 else r).rows,
    )
    assert check(chosen).clean


def test_a_repetition_of_what_may_have_arrived_may_come_late() -> None:
    late = ledger(text(1), text(2, sent_at=130.0), *HONEST.ledger[2:])
    assert check(late).clean


def test_a_yes_that_was_never_more_than_said_is_listed_and_not_blamed() -> None:
    said = replace(
        ledger(*HONEST.ledger[:-1]),
        requests=tuple(
            replace(r, outcomes=("ambiguous", "duplicate")) if r.external_id == name(5) else r for r in HONEST.requests
        ),
    )
    report = check(said)
    assert report.clean
    assert report.unknown[Unknown.ONLY_SAID] == 1


def test_what_the_provider_dropped_is_listed_and_not_blamed_on_the_gateway() -> None:
    dropped = replace(ledger(*HONEST.ledger[:-1]), dropped=frozenset({Dropped(name(5), "+12025550105")}))
    report = check(dropped)
    assert report.clean
    assert report.unknown[Unknown.DROPPED] == 1


def test_the_ledger_is_read_in_the_order_in_which_texts_left(tmp_path: Any) -> None:
    lines = [
        {"external_id": f"r{n}-0", "number": "+12025550101", "text": f"#{n}.", "sent_at": 1.0, "request_id": "x"}
        for n in (2, 1)
    ]
    lines.append({"external_id": "r3-0", "number": "+12025550103", "request_id": "x", "told": False, "dropped_at": 1.0})
    path = tmp_path / "ledger.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    texts, dropped = read_ledger(path)
    assert [text.mark for text in texts] == [2, 1]
    assert dropped == {Dropped("r3-0", "+12025550103")}
