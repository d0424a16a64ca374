"""The checker finds every forgery: each one changes the evidence of a run in which every invariant holds."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chaos.checker import Invariant, Unknown, check, unsettled
from chaos.evidence import Commit, Dropped, Evidence, Request, Row, Submission, Text, Window, read_ledger


def submission(mark: int, commit: Commit = Commit.DONE, **changes: Any) -> Submission:
    return Submission(mark, f"+120255501{mark:02}", f"Message #{mark}.", commit, **changes)


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
        1: submission(1),
        2: submission(2),
        3: submission(3),
        4: submission(4),
        5: submission(5, silent=True),
        6: submission(6),
        7: submission(7, Commit.UNDONE),
        8: submission(8, Commit.UNKNOWN),
        9: submission(9, suppressed=True),
    },
    (
        row(1, order_key="k"),
        row(2, order_key="k"),
        row(3, "failed", reason="bad_request: refused"),
        row(4, "uncertain", reason="horizon_passed: not known"),
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


def violations(evidence: Evidence) -> set[Invariant]:
    return {found.invariant for found in check(evidence).violations}


def test_a_run_without_violations_is_clean_and_lists_what_cannot_be_known() -> None:
    report = check(HONEST)
    assert report.violations == ()
    assert report.unknown == {Unknown.UNCERTAIN_SENT: 1, Unknown.SILENT: 1}
    assert unsettled(HONEST) == []


FORGED = {
    "a committed row is lost": (rows(lambda r: None if r.mark == 1 else r), Invariant.LOST),
    "a rolled back row is there": (replace(HONEST, rows=(*HONEST.rows, row(7))), Invariant.PHANTOM),
    "a row that was not enqueued is there": (replace(HONEST, rows=(*HONEST.rows, row(77))), Invariant.PHANTOM),
    "a row is there twice": (replace(HONEST, rows=(*HONEST.rows, row(1))), Invariant.PHANTOM),
    "a rolled back text left": (ledger(*HONEST.ledger, text(7)), Invariant.PHANTOM),
    "a text of a request that is not recorded left": (
        ledger(*HONEST.ledger[1:], text(1, 3)),
        Invariant.PHANTOM,
    ),
    "a text without a mark left": (ledger(*HONEST.ledger, text(1, text="Hello")), Invariant.PHANTOM),
    "a ledger line is doubled": (ledger(*HONEST.ledger, text(1)), Invariant.DOUBLED),
    "a message left again under another request of the same generation": (
        replace(
            ledger(*HONEST.ledger, replace(text(1), external_id="other-0")),
            requests=(*HONEST.requests, replace(request(1), external_id="other-0")),
        ),
        Invariant.DOUBLED,
    ),
    "two requests that may have arrived carry one message": (
        replace(HONEST, requests=(*HONEST.requests, replace(request(4, "ambiguous"), external_id="other-0"))),
        Invariant.DECIDED_TWICE,
    ),
    "a text reached another number": (
        ledger(text(1, number="+12025550199"), *HONEST.ledger[1:]),
        Invariant.WRONG,
    ),
    "a text was changed on the way": (
        ledger(text(1, text="Message #1. !"), *HONEST.ledger[1:]),
        Invariant.WRONG,
    ),
    "a failed message left": (ledger(*HONEST.ledger, text(3)), Invariant.CONTRADICTION),
    "an expired message left": (ledger(*HONEST.ledger, text(6)), Invariant.CONTRADICTION),
    "a delivered message never left": (ledger(*HONEST.ledger[1:]), Invariant.CONTRADICTION),
    "a text was carried by another's request": (
        ledger(replace(text(1), external_id=name(2)), *HONEST.ledger[1:]),
        Invariant.CONTRADICTION,
    ),
    "a row waits without a reason": (
        rows(lambda r: replace(r, state="ready") if r.mark == 6 else r),
        Invariant.UNSETTLED,
    ),
    "an uncertain row has no reason": (
        rows(lambda r: replace(r, reason=None) if r.mark == 4 else r),
        Invariant.UNSETTLED,
    ),
    "an accepted row never left, and no 409 explains it": (
        ledger(*HONEST.ledger[:-1]),
        Invariant.UNSETTLED,
    ),
    "a message overtook the one before it": (
        ledger(text(2), text(1), *HONEST.ledger[2:]),
        Invariant.ORDER,
    ),
    "the limit was exceeded": (replace(HONEST, window=Window(25, 26, 0)), Invariant.LIMIT),
    "the provider refused a request": (replace(HONEST, window=Window(25, 25, 1)), Invariant.LIMIT),
    "a text left after its end": (ledger(text(1, sent_at=103.0), *HONEST.ledger[1:]), Invariant.LATE),
    "a suppressed number was written to": (
        replace(
            ledger(*HONEST.ledger, text(9)),
            requests=(*HONEST.requests, request(9)),
        ),
        Invariant.SUPPRESSED,
    ),
    "a replica ended by itself": (replace(HONEST, ended=("replica-1",)), Invariant.ENDED),
}


@pytest.mark.parametrize(("evidence", "invariant"), FORGED.values(), ids=FORGED.keys())
def test_a_forgery_is_found(evidence: Evidence, invariant: Invariant) -> None:
    assert invariant in violations(evidence)


def test_every_invariant_has_a_forgery() -> None:
    assert {invariant for _, invariant in FORGED.values()} == set(Invariant)


def test_after_a_commit_of_unknown_outcome_the_row_may_exist_or_not() -> None:
    there = replace(
        ledger(*HONEST.ledger, text(8)), rows=(*HONEST.rows, row(8)), requests=(*HONEST.requests, request(8))
    )
    assert check(there).clean
    assert check(HONEST).clean


def test_only_a_message_behind_an_uncertain_one_of_its_order_key_may_wait() -> None:
    def stuck(key: str) -> Evidence:
        evidence = rows(lambda r: replace(r, order_key="q") if r.mark == 4 else r)
        return replace(
            evidence, submissions={**HONEST.submissions, 10: submission(10)},
            rows=(*evidence.rows, row(10, "ready", order_key=key, external_id=None)),
        )  # fmt: skip

    assert check(stuck("q")).unknown[Unknown.BEHIND_UNCERTAIN] == 1
    assert check(stuck("q")).clean
    assert violations(stuck("other")) == {Invariant.UNSETTLED}


def test_a_second_generation_is_a_deliberate_copy() -> None:
    chosen = replace(
        ledger(*HONEST.ledger, text(1, 1)),
        requests=(*HONEST.requests, replace(request(1), external_id=name(1, 1), generation=1)),
        rows=rows(lambda r: replace(r, generation=1) if r.mark == 1 else r).rows,
    )
    assert check(chosen).clean


def test_a_retry_of_what_may_have_arrived_may_come_after_the_end() -> None:
    late = ledger(text(1), text(2, sent_at=130.0), *HONEST.ledger[2:])
    assert check(late).clean


def test_an_acceptance_that_was_only_reported_is_listed_and_is_no_violation() -> None:
    said = replace(
        ledger(*HONEST.ledger[:-1]),
        requests=tuple(
            replace(r, outcomes=("ambiguous", "duplicate")) if r.external_id == name(5) else r for r in HONEST.requests
        ),
    )
    report = check(said)
    assert report.clean
    assert report.unknown[Unknown.ONLY_REPORTED] == 1


def test_what_the_provider_dropped_is_listed_and_is_no_violation() -> None:
    dropped = replace(ledger(*HONEST.ledger[:-1]), dropped=frozenset({Dropped(name(5), "+12025550105")}))
    report = check(dropped)
    assert report.clean
    assert report.unknown[Unknown.DROPPED] == 1


def test_the_ledger_is_read_in_the_order_of_sending(tmp_path: Any) -> None:
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
