"""Plots: lines break where data is missing, axes are round, and the figures are also text."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.plots import DURATION_STEPS, HEIGHT, TOP, WIDTH, bars, plot
from gateway.console.rendering import count, seconds

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def points_of(values: list[dict[str, float]], step: float = 5.0) -> list[tuple[datetime, dict[str, float]]]:
    return [(START + timedelta(seconds=step * index), value) for index, value in enumerate(values)]


def waiting_plot(points: Any, **options: Any) -> Any:
    return plot("key", "Waiting", points, unit=count, step=5.0, **options)


def test_a_plot_without_data_says_so() -> None:
    empty = waiting_plot([])
    assert empty.lines == []
    assert empty.summary == "Waiting: no data yet."


def test_the_summary_and_the_table_show_the_same_figures() -> None:
    found = waiting_plot(points_of([{"bulk": 1.0, "otp": 0.0}, {"bulk": 1200.0, "otp": 2.0}]))
    assert found.summary == "Waiting, latest: bulk 1 200, otp 2."
    assert found.rows[0] == ("12:00:05", ["1 200", "2"])


def test_a_line_breaks_where_samples_are_missing() -> None:
    points = [*points_of([{"bulk": 1.0}] * 3), (START + timedelta(minutes=5), {"bulk": 2.0})]
    [line] = waiting_plot(points).lines
    assert line.path.count("M") == 2


@pytest.mark.parametrize(
    ("highest", "labels"),
    [(0.0, ["0", "1"]), (7.0, ["0", "2", "5", "8"]), (5623.0, ["0", "2 000", "4 000", "6 000"])],
)
def test_axes_have_round_ticks(highest: float, labels: list[str]) -> None:
    assert [tick.label for tick in waiting_plot(points_of([{"x": highest}] * 2)).y_ticks] == labels


def test_an_axis_of_durations_has_round_ticks() -> None:
    found = plot("key", "Oldest", points_of([{"x": 95.0}] * 2), unit=seconds, step=5.0, tick_steps=DURATION_STEPS)
    assert [tick.label for tick in found.y_ticks] == ["0 s", "1 min", "2 min"]


def test_small_series_are_added_up_as_others() -> None:
    found = waiting_plot(points_of([{f"lane{number}": float(number) for number in range(9)}] * 2))
    assert [line.name for line in found.lines] == ["lane4", "lane5", "lane6", "lane7", "lane8", "others"]
    assert found.rows[0][1][-1] == "6"


@given(st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=50), st.floats(0.5, 1e9))
def test_every_point_is_inside_the_plot(values: list[float], top: float) -> None:
    for line in waiting_plot(points_of([{"x": value} for value in values]), top=top).lines:
        for pair in line.path.replace("M", "L").split("L")[1:]:
            x, y = map(float, pair.split())
            assert 0 <= x <= WIDTH
            assert TOP - 0.1 <= y <= HEIGHT


def test_a_bar_is_divided_into_shares() -> None:
    [bar] = bars([("12:00", "8", {"delivered": 6, "undelivered": 2})], ("delivered", "undelivered"))
    assert [(segment.x, segment.width) for segment in bar.segments] == [(0.0, 75.0), (75.0, 25.0)]
    assert bar.shares == ["75 %", "25 %"]


def test_a_bar_without_messages_has_no_width() -> None:
    [bar] = bars([("12:00", "0", {"delivered": 0})], ("delivered",))
    assert [segment.width for segment in bar.segments] == [0.0]
    assert bar.shares == ["–"]
