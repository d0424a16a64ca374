"""Plots of a report, as SVG that is the same for the same report."""

from pathlib import Path
from typing import Any

from gateway.bench.results import Report, Result

BARS = ("drain", "peers", "processes", "history", "snapshot")
"""Comparisons of rates."""


def draw(report: Report, folder: Path) -> dict[str, str]:
    """Draw what the report has, and return the file of each benchmark that has one. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "smsgw"
    mpl.rcParams["svg.fonttype"] = "none"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for result in report.results:
        figure = _figure(result)
        if figure is not None:
            name = f"{result.benchmark}.svg"
            figure.savefig(folder / name, metadata={"Date": None}, bbox_inches="tight")
            drawn[result.benchmark] = name
    return drawn


def _figure(result: Result) -> Any:
    lines = [line for line in result.lines if line.values and not line.failed]
    if not lines:
        return None
    if result.benchmark in BARS:
        return _bars([line.name for line in lines], [float(line.values["rate"]) for line in lines], "messages/s")
    if result.benchmark == "curves":
        sizes = [float(line.values["recipients"]) for line in lines]
        return _curves(sizes, {name: [float(line.values[name]) for line in lines] for name in ("wal_bytes", "queries")})
    if result.benchmark == "steady":
        return _over_time([line.values for line in lines])
    return None


def _axes(width: float, height: float, count: int = 1) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.subplots(1, count)
    found = [axes] if count == 1 else list(axes)
    for one in found:
        one.spines[["top", "right"]].set_visible(False)
    return figure, found


def _bars(names: list[str], values: list[float], unit: str) -> Any:
    figure, (axis,) = _axes(7.5, 0.8 + 0.32 * len(names))
    colours = ["#1f6f8b" if name.startswith("smsgw") else "#b8c4c9" for name in names]
    bars = axis.barh(range(len(names)), values, color=colours)
    axis.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(unit, fontsize=8)
    return figure


def _curves(sizes: list[float], curves: dict[str, list[float]]) -> Any:
    labels = {"wal_bytes": "WAL, bytes a message", "queries": "queries a message"}
    figure, axes = _axes(9.0, 3.0, len(curves))
    for axis, (name, values) in zip(axes, curves.items(), strict=True):
        axis.plot(sizes, values, marker="o", color="#1f6f8b")
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_xlabel("maximum of messages a request", fontsize=8)
        axis.set_title(labels[name], fontsize=9)
    return figure


def _over_time(points: list[dict[str, Any]]) -> Any:
    figure, (axis,) = _axes(7.5, 3.0)
    seconds = [float(point["seconds"]) for point in points]
    axis.plot(seconds, [float(point["dead"]) for point in points], label="dead tuples", color="#b5542c")
    axis.plot(seconds, [float(point["live"]) for point in points], label="live tuples", color="#1f6f8b")
    axis.set_xlabel("seconds of steady load", fontsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure
