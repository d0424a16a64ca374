"""A seed decides what a run does: the same seed the same strikes and the same rows."""

from typing import Any

from chaos.plan import Kind, Options, weather
from chaos.traffic import Traffic

MOMENTS = {"not_before", "expires_at"}


def rows(seed: int) -> list[tuple[Any, dict[str, Any]]]:
    traffic = Traffic("postgresql://nowhere", seed, rate=1.0)
    inserts = [traffic.next_insert() for _ in range(300)]
    return [(one.wish, {k: v for k, v in one.columns.items() if k not in MOMENTS}) for one in inserts]


def test_the_same_seed_strikes_the_same_way() -> None:
    assert weather(Options(7)) == weather(Options(7))
    assert [event.what for event in weather(Options(7))] == [event.what for event in weather(Options(7))]
    assert weather(Options(7)) != weather(Options(8))


def test_everything_strikes_at_least_once_however_short_the_run() -> None:
    assert {event.kind for event in weather(Options(1, seconds=5.0))} == set(Kind)


def test_the_same_seed_inserts_the_same_rows() -> None:
    assert rows(7) == rows(7)
    assert rows(7) != rows(8)


def test_the_rows_use_all_that_an_application_may_use() -> None:
    columns = {name for _, row in rows(7) for name in row}
    assert columns >= {"body", "template_id", "variables", "lane", "tenant", "tags", "order_key", "dedupe_key"}
    assert {row["lane"] for _, row in rows(7)} == {"otp", "default", "bulk"}
    assert any(wish.suppressed for wish, _ in rows(7))
    assert any(wish.silent for wish, _ in rows(7))
