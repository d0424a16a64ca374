"""What a run found survives the way to a file and back, and becomes a table and a page."""

from pathlib import Path

import pytest

from gateway.bench.database import Cost
from gateway.bench.page import write_page
from gateway.bench.results import Better, Line, Measure, Report, Result, merged, read, shown, target_rows

MACHINE = {
    "cores": 2, "system": "Linux x86_64", "python": "3.11", "postgres": "18", "gateway": "0", "concurrency": 64,
    "delay_ms": 10.0,
}  # fmt: skip


def report(*results: Result) -> Report:
    return Report(MACHINE, {"name": "tiny", "repeat": 1}, list(results))


def drain() -> Result:
    lines = [
        Line("bare aiohttp client", {"rate": 4000.0, "lost": 0}),
        Line("smsgw, one message a request", {"rate": 2000.0, "lost": 0, "wal_bytes": 1800.5}),
        Line("another", {}, failed="it is not installed"),
    ]
    measures = [Measure("drain one by one ÷ bare client", 0.5, "", 0.85, Better.HIGHER)]
    return Result("drain", measures, lines, 3.0, command="smsgw bench run drain")


def test_a_report_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = report(drain())
    written.write(tmp_path / "deep" / "results.json")
    assert read(tmp_path / "deep" / "results.json") == written


@pytest.mark.parametrize(
    ("better", "value", "reached"),
    [
        (Better.HIGHER, 0.85, True),
        (Better.HIGHER, 0.8, False),
        (Better.LOWER, 0.8, True),
        (Better.LOWER, 0.9, False),
        (Better.LOWER, 0.0, True),
        (Better.STATED, 0.0, None),
    ],
)
def test_a_target_is_reached_from_the_right_side(better: Better, value: float, reached: bool | None) -> None:
    assert Measure("m", value, target=0.85, better=better).reached is reached


def test_what_could_not_be_measured_is_not_called_reached() -> None:
    (row,) = target_rows([Measure("m", None, target=2.0, better=Better.HIGHER, note="none ran")])
    assert row == ("m", "≥ 2.00", "not measured", "", "not measured (none ran)")


def test_a_newer_run_replaces_only_what_it_measured() -> None:
    older = report(drain(), Result("idle", seconds=1.0))
    newer = report(Result("idle", seconds=2.0))
    assert [(one.benchmark, one.seconds) for one in merged(older, newer).results] == [("drain", 3.0), ("idle", 2.0)]


def test_the_cost_of_a_run_is_the_difference_of_two_looks() -> None:
    before = Cost(commits=10, wal=1000, inserts=5, updates=5, hot=5, deletes=0, dead=7)
    after = Cost(commits=30, wal=5000, inserts=25, updates=25, hot=10, deletes=0, dead=9)
    cost = after.since(before).per(10)
    assert cost["commits"] == 2.0
    assert cost["wal_bytes"] == 400.0
    assert cost["hot_share"] == 0.25
    assert cost["dead_tuples"] == 0.9


def test_figures_carry_as_many_digits_as_they_mean() -> None:
    assert [shown(value, "s") for value in (1234.5, 12.345, 1.2345, 0.12345)] == [
        "1,234 s",
        "12.3 s",
        "1.23 s",
        "0.123 s",
    ]


def test_the_page_is_the_same_for_the_same_report(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_page(report(drain()), tmp_path / name)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        pages.append([path.read_bytes() for path in files])
    assert pages[0] == pages[1]
    text = (tmp_path / "one" / "performance.md").read_text()
    for words in ("not reached", "`smsgw bench run drain`", "it is not installed", "drain.svg", "100,000,000 a day"):
        assert words in text
