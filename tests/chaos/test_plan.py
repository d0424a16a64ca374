"""The seed decides what a run does: the same seed gives the same faults and the same rows."""

from typing import Any

from chaos.plan import Kind, Options, schedule
from chaos.traffic import Traffic

MOMENTS = {"not_before", "expires_at"}


def rows(seed: int) -> list[tuple[Any, dict[str, Any]]]:
    traffic = Traffic("postgresql://nowhere", seed, rate=1.0)
    inserts = [traffic.next_insert() for _ in range(300)]
    return [(one.submission, {k: v for k, v in one.columns.items() if k not in MOMENTS}) for one in inserts]


def test_the_same_seed_gives_the_same_faults() -> None:
    assert schedule(Options(7)) == schedule(Options(7))
    assert [event.what for event in schedule(Options(7))] == [event.what for event in schedule(Options(7))]
    assert schedule(Options(7)) != schedule(Options(8))


def test_every_kind_of_fault_occurs_even_in_a_short_run() -> None:
    assert {event.kind for event in schedule(Options(1, seconds=5.0))} == set(Kind)


def test_the_same_seed_inserts_the_same_rows() -> None:
    assert rows(7) == rows(7)
    assert rows(7) != rows(8)


def test_the_rows_use_every_column_an_application_may_set() -> None:
    columns = {name for _, row in rows(7) for name in row}
    assert columns >= {"body", "template_id", "variables", "lane", "tenant", "tags", "order_key", "dedupe_key"}
    assert {row["lane"] for _, row in rows(7)} == {"otp", "default", "bulk"}
    assert any(submission.suppressed for submission, _ in rows(7))
    assert any(submission.silent for submission, _ in rows(7))
