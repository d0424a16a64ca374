"""The results of a run: measures with targets, comparisons and curves, as JSON and text."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Better(StrEnum):
    """Whether higher or lower is better."""

    HIGHER = "higher"
    LOWER = "lower"
    STATED = "stated"
    """It has no target."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure and its target."""

    name: str
    value: float | None
    """None if it could not be measured; `note` says why."""
    unit: str = ""
    target: float | None = None
    better: Better = Better.STATED
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How far the target was reached: 1.0 is exactly, more is better."""
        if self.value is None or self.target is None or not self.target:
            return None
        if self.better is Better.LOWER:
            return self.target / self.value if self.value else float("inf")
        return self.value / self.target

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without one."""
        ratio = self.ratio
        return None if ratio is None or self.better is Better.STATED else ratio >= 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One contestant of a comparison, or one point of a curve."""

    name: str
    values: dict[str, Any]
    failed: str = ""
    """Why there are no values."""


@dataclass(slots=True)
class Result:
    """The result of one benchmark."""

    benchmark: str
    measures: list[Measure] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0
    failed: str = ""
    command: str = ""
    """The command that made it."""
    load: float | None = None
    """The load average of the machine at the start. More than the number of cores means other work."""

    def line(self, name: str) -> dict[str, Any]:
        """Return the values of a line; empty when there is none."""
        return next((line.values for line in self.lines if line.name == name), {})


@dataclass(slots=True)
class Report:
    """The results of one run."""

    machine: dict[str, Any]
    scale: dict[str, Any]
    results: list[Result] = field(default_factory=list)

    def result(self, benchmark: str) -> Result | None:
        """Return the result of a benchmark; None if it did not run."""
        return next((result for result in self.results if result.benchmark == benchmark), None)

    def measures(self) -> list[Measure]:
        """Return every measure, in the order of the benchmarks."""
        return [measure for result in self.results for measure in result.measures]

    def write(self, path: Path) -> None:
        """Write it, so that a table and plots can be made of it later."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, default=str) + "\n", encoding="utf-8")


def read(path: Path) -> Report:
    """Return what `Report.write` wrote; raises `OSError` or `ValueError` for anything else."""
    content = json.loads(path.read_text(encoding="utf-8"))
    results = [
        Result(
            one["benchmark"],
            [Measure(**{**measure, "better": Better(measure["better"])}) for measure in one["measures"]],
            [Line(**line) for line in one["lines"]],
            one["seconds"],
            one["failed"],
            one["command"],
            one.get("load"),
        )
        for one in content["results"]
    ]
    return Report(content["machine"], content["scale"], results)


def merged(older: Report, newer: Report) -> Report:
    """Return the newer report, with results that only the older one has. A ratio never mixes the two."""
    found = {result.benchmark: result for result in older.results} | {r.benchmark: r for r in newer.results}
    return Report(newer.machine, newer.scale, list(found.values()))


def shown(value: float | None, unit: str = "") -> str:
    """Return a figure with its significant digits."""
    if value is None:
        return "not measured"
    if value == float("inf"):
        return "∞"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}{f' {unit}' if unit else ''}"


def target_rows(measures: Sequence[Measure]) -> list[tuple[str, str, str, str, str]]:
    """Return measure, target, value, ratio and verdict of each, for a table."""
    rows = []
    for one in measures:
        sign = {Better.HIGHER: "≥ ", Better.LOWER: "≤ ", Better.STATED: ""}[one.better]
        verdict = {True: "reached", False: "not reached", None: "stated"}[one.reached]
        if one.value is None:
            verdict = "not measured"
        rows.append(
            (
                one.name,
                "" if one.target is None else sign + shown(one.target, one.unit),
                shown(one.value, one.unit),
                "" if one.ratio is None else shown(one.ratio),
                f"{verdict}{f' ({one.note})' if one.note else ''}",
            )
        )
    return rows
