"""Computes the geometry of plots. The templates write it as SVG, with a summary and a table of the same figures.

The server draws, not the browser: no script is needed to see a plot, and a screen reader gets the figures themselves.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 480.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 10.0, 10.0, 24.0
MAX_SERIES = 6
"""Lines in one plot. Further series are added up as "others"."""
TABLE_ROWS = 8
DURATION_STEPS = (1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 86400.0)
"""Seconds between ticks that are round durations."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its path in SVG, and its last value as text."""

    name: str
    path: str
    last: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over time."""

    key: str
    title: str
    summary: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    rows: list[tuple[str, list[str]]]
    """The table: a time, and the value of each line."""


Points = Sequence[tuple[datetime, Mapping[str, float]]]


def plot(
    key: str,
    title: str,
    points: Points,
    *,
    unit: Callable[[float], str],
    step: float,
    top: float | None = None,
    tick_steps: Sequence[float] = (),
) -> Plot:
    """Return a plot of named values over time.

    `step` is the usual distance of two points in seconds. The line breaks where two points are more than four steps
    apart, because nothing is known in between. `top` fixes the upper end of the y axis; `tick_steps` are the allowed
    distances of its ticks.
    """
    names = _names(points)
    rows = [(at, _values(values, names)) for at, values in points]
    highest = max((value for _, values in rows for value in values), default=0.0)
    ticks = _scale(top if top is not None else highest, tick_steps)
    begin, end = _span(rows, step)

    def x(at: datetime) -> float:
        return LEFT + (at.timestamp() - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - min(value, ticks[-1]) / ticks[-1] * (HEIGHT - TOP - BOTTOM)

    lines = []
    for index, name in enumerate(names):
        path_points = [(at.timestamp(), x(at), y(values[index])) for at, values in rows]
        lines.append(Line(name, _path(path_points, 4 * step), unit(rows[-1][1][index]) if rows else ""))
    return Plot(
        key,
        title,
        _summary(title, lines),
        lines,
        [Tick(x(at), at.strftime("%H:%M")) for at in _x_tick_times(rows)],
        [Tick(y(value), unit(value)) for value in ticks],
        [(at.strftime("%H:%M:%S"), [unit(value) for value in values]) for at, values in _thinned(rows)],
    )


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar divided into segments: the results of one cohort."""

    label: str
    total: str
    segments: list[Segment]
    shares: list[str]
    """The same as text, one for each kind."""


def bars(rows: Sequence[tuple[str, str, Mapping[str, int]]], kinds: Sequence[str]) -> list[Bar]:
    """Return one bar for each (label, total, counts by kind). Widths are percent."""
    result = []
    for label, total, counts in rows:
        sum_of_counts = sum(counts.values())
        segments, shares, x = [], [], 0.0
        for kind in kinds:
            share = counts[kind] / sum_of_counts * 100 if sum_of_counts else 0.0
            segments.append(Segment(kind, round(x, 2), round(share, 2)))
            shares.append(f"{share:.0f} %" if sum_of_counts else "–")
            x += share
        result.append(Bar(label, total, segments, shares))
    return result


def _names(points: Points) -> list[str]:
    """Return the names of the series with the highest peaks, and "others" for the rest."""
    peaks: dict[str, float] = {}
    for _, values in points:
        for name, value in values.items():
            peaks[name] = max(value, peaks.get(name, 0.0))
    if len(peaks) <= MAX_SERIES:
        return sorted(peaks)
    highest = sorted(sorted(peaks), key=lambda name: -peaks[name])[: MAX_SERIES - 1]
    return [*sorted(highest), "others"]


def _values(values: Mapping[str, float], names: Sequence[str]) -> list[float]:
    rest = sum(value for name, value in values.items() if name not in names)
    return [rest if name == "others" and name not in values else float(values.get(name, 0.0)) for name in names]


def _scale(highest: float, steps: Sequence[float]) -> list[float]:
    """Return round tick values from zero to above the highest, with at most three steps between them."""
    if highest <= 0:
        return [0.0, 1.0]
    if (fitting := next((step for step in steps if step * 3 >= highest), None)) is not None:
        return [fitting * index for index in range(math.ceil(highest / fitting) + 1)]
    power = 10.0 ** math.floor(math.log10(highest / 3))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power * 3 >= highest - 1e-9)
    return [step * index for index in range(math.ceil(highest / step - 1e-9) + 1)]


def _span(rows: Sequence[tuple[datetime, list[float]]], step: float) -> tuple[float, float]:
    if not rows:
        return 0.0, 1.0
    end = rows[-1][0].timestamp()
    return min(rows[0][0].timestamp(), end - step), end


def _x_tick_times(rows: Sequence[tuple[datetime, list[float]]], limit: int = 5) -> list[datetime]:
    """Return the times on the x axis: evenly spread, no minute twice. A short plot has only its two ends."""
    if len(rows) < 2:
        return [at for at, _ in rows]
    first, last = rows[0][0], rows[-1][0]
    spread = [first + (last - first) * index / (limit - 1) for index in range(limit)]
    minutes = {at.replace(second=0, microsecond=0) for at in spread}
    return spread if len(minutes) == limit else [first, last]


def _thinned(rows: Sequence[tuple[datetime, list[float]]]) -> list[tuple[datetime, list[float]]]:
    """Return a few rows, newest first."""
    every = max(1, len(rows) // TABLE_ROWS)
    return [*rows][::-1][::every][:TABLE_ROWS]


def _path(points: Sequence[tuple[float, float, float]], gap: float) -> str:
    commands = []
    previous = -math.inf
    for at, x, y in points:
        commands.append(f"{'L' if at - previous <= gap else 'M'}{x:.1f} {y:.1f}")
        previous = at
    return "".join(commands)


def _summary(title: str, lines: Sequence[Line]) -> str:
    if not lines:
        return f"{title}: no data yet."
    return f"{title}, latest: " + ", ".join(f"{line.name} {line.last}" for line in lines) + "."


def percent(value: float) -> str:
    """Return a share between 0 and 1 as percent."""
    return f"{value * 100:.0f} %"
