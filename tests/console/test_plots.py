"""Plots: lines that break where nothing was known, round axes, and the same in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.plots import HEIGHT, TIMES, TOP, WIDTH, bars, plot
from gateway.console.rendering import count, seconds

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def over(values: list[dict[str, float]], step: float = 5.0) -> list[tuple[datetime, dict[str, float]]]:
    return [(START + timedelta(seconds=step * index), value) for index, value in enumerate(values)]


def drawn(points: Any, **options: Any) -> Any:
    return plot("key", "Waiting", points, unit=count, step=5.0, **options)


def test_nothing_known_is_said() -> None:
    empty = drawn([])
    assert empty.lines == []
    assert empty.summary == "Waiting: nothing yet."


def test_the_summary_and_the_table_say_what_the_picture_shows() -> None:
    found = drawn(over([{"bulk": 1.0, "otp": 0.0}, {"bulk": 1200.0, "otp": 2.0}]))
    assert found.summary == "Waiting, latest: bulk 1 200, otp 2."
    assert found.rows[0] == ("12:00:05", ["1 200", "2"])


def test_a_line_breaks_where_nobody_looked() -> None:
    points = [*over([{"bulk": 1.0}] * 3), (START + timedelta(minutes=5), {"bulk": 2.0})]
    [line] = drawn(points).lines
    assert line.path.count("M") == 2


@pytest.mark.parametrize(
    ("highest", "labels"),
    [(0.0, ["0", "1"]), (7.0, ["0", "2", "5", "8"]), (5623.0, ["0", "2 000", "4 000", "6 000"])],
)
def test_axes_are_round(highest: float, labels: list[str]) -> None:
    assert [tick.label for tick in drawn(over([{"x": highest}] * 2)).up] == labels


def test_an_axis_of_time_has_round_times() -> None:
    found = plot("key", "Oldest", over([{"x": 95.0}] * 2), unit=seconds, step=5.0, sizes=TIMES)
    assert [tick.label for tick in found.up] == ["0 s", "1 min", "2 min"]


def test_many_series_become_a_few_and_the_rest() -> None:
    found = drawn(over([{f"lane{number}": float(number) for number in range(9)}] * 2))
    assert [line.name for line in found.lines] == ["lane4", "lane5", "lane6", "lane7", "lane8", "others"]
    assert found.rows[0][1][-1] == "6"


@given(st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=50), st.floats(0.5, 1e9))
def test_every_point_is_inside_the_picture(values: list[float], top: float) -> None:
    for line in drawn(over([{"x": value} for value in values]), top=top).lines:
        for pair in line.path.replace("M", "L").split("L")[1:]:
            x, y = map(float, pair.split())
            assert 0 <= x <= WIDTH
            assert TOP - 0.1 <= y <= HEIGHT


def test_a_bar_is_cut_in_shares() -> None:
    [bar] = bars([("12:00", "8", {"delivered": 6, "undelivered": 2})], ("delivered", "undelivered"))
    assert [(part.x, part.width) for part in bar.parts] == [(0.0, 75.0), (75.0, 25.0)]
    assert bar.shares == ["75 %", "25 %"]


def test_a_bar_of_nothing_has_no_width() -> None:
    [bar] = bars([("12:00", "0", {"delivered": 0})], ("delivered",))
    assert [part.width for part in bar.parts] == [0.0]
    assert bar.shares == ["–"]
