"""A pytest plugin for the two tiers of the suite: `make test` runs the fast one, `make proof` the slow one.

A test belongs to the slow tier if it carries `@pytest.mark.slow("kind")`, on itself or on its module (`pytestmark`).
`make test` runs `pytest -m "not slow"`, `make proof` runs `pytest -m slow`. Plain `pytest` selects nothing, so
`pytest tests/crashes` runs the slow tests that are named.

The plugin reports at the end of a run what was not run: the slow tests by kind, and the skipped tests by reason. It
also prints how much a test has proved, where that depends on a budget: `record_property("proof", "...")`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

_OUTPUT = "slow_tests"
PROGRAMS = "make chaos, make ha: programs of their own"

_not_run: Counter[tuple[str, str]] = Counter()
"""How many slow tests were deselected, by kind and file."""


def kind(item: pytest.Item) -> str | None:
    """Return the kind of a slow test, None for a fast one."""
    marker = item.get_closest_marker("slow")
    return None if marker is None else str(marker.args[0])


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "slow(kind): only `make proof` runs this; the kind is named in the report")


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the slow tests that a selection left out."""
    for item in items:
        if (name := kind(item)) is not None:
            _not_run[name, item.nodeid.partition("::")[0]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a worker to the controlling process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = [[name, file, count] for (name, file), count in _not_run.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the counts of a worker: each of them collected the same tests."""
    for name, file, count in getattr(node, "workeroutput", {}).get(_OUTPUT, ()):
        _not_run[name, file] = count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report what was proved, and what was not run."""
    proofs = [
        f"{report.nodeid.rpartition('::')[2]}: {text}"
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in (getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ())
        if name == "proof"
    ]
    if proofs:
        terminalreporter.section("proved")
    for line in proofs:
        terminalreporter.write_line(line)
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    slow = list(_slow()) if config.option.markexpr == "not slow" else []
    if slow or skipped:
        terminalreporter.section("not run")
    for line in slow:
        terminalreporter.write_line(line)
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"skipped: {count} {_tests(count)}: {reason}")


def _slow() -> Iterator[str]:
    if not _not_run:
        return
    yield "the slow tier, which `make proof` runs:"
    for name in sorted({name for name, _ in _not_run}):
        files = {file: count for (one, file), count in _not_run.items() if one == name}
        count = sum(files.values())
        yield f"  {name}: {count} {_tests(count)} in {', '.join(sorted(files))}"
    yield f"  {PROGRAMS}"


def _tests(count: int) -> str:
    return "test" if count == 1 else "tests"


def _reason(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)
