"""A pytest plugin for a run inside another run: writes the outcome of each test, and the reason, as JSON.

Loaded by `-p support.report_plugin`. `SMSGW_TEST_REPORT` names the file. An exit code does not tell a failed assertion
from a test that could not be imported.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.leaks import LEAK

import gateway

_tests: dict[str, dict[str, str]] = {}
_broken: list[str] = []


def is_assertion(error: BaseException) -> bool:
    """Whether the error is a failed assertion, and not an error of the test itself."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_assertion(one) for one in error.exceptions)
    return isinstance(error, AssertionError | pytest.fail.Exception)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[Any]") -> Any:
    """Keep the outcome; a failed setup or teardown replaces a call that passed."""
    report = yield
    if call.when == "call" or report.outcome != "passed":
        outcome = report.outcome
        why = "" if call.excinfo is None else f"{type(call.excinfo.value).__name__}: {call.excinfo.value}"
        error = call.excinfo.value if call.excinfo is not None else None
        if outcome == "failed" and str(report.longrepr).startswith(LEAK):
            why = str(report.longrepr)
        elif outcome == "failed" and (call.when != "call" or error is None or not is_assertion(error)):
            outcome = "broken"
        if _tests.get(item.nodeid, {}).get("outcome") not in {"failed", "broken"}:
            _tests[item.nodeid] = {"outcome": outcome, "why": why[:2000]}
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Keep what could not be imported."""
    if report.failed:
        _broken.append(str(report.longrepr)[:2000])


def pytest_sessionfinish() -> None:
    """Write the file."""
    written = {"package": str(Path(gateway.__file__).parent), "tests": _tests, "broken": _broken}
    Path(os.environ["SMSGW_TEST_REPORT"]).write_text(json.dumps(written))
