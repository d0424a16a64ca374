"""A pytest plugin that reads everything the suite makes the gateway say, and fails the test that made it say too much.

After each test it scans what the test's processes wrote to their logs, what was captured of this process, the metrics
that were exposed, what commands wrote to stderr, and the messages of the exceptions that tests expected. Fixtures use
numbers of the range for fiction, texts that carry `MARK`, and secrets that are known here; none of them may be found.

In this process logs are printed by structlog's defaults, without the redaction of `gateway.logs`: so what is scanned
here was never handed to the log at all. The logs of child processes show the redaction as well. One thing is not left
to the defaults: where rich is installed, structlog would print the local variables of a traceback, which `gateway.logs`
does not.
"""

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog

MARK = "q7private"
"""Stands in the texts of fixtures."""

SECRETS = {
    "test-secret-of-the-webhooks", "simulator-key", "the-token-of-the-console", "k-very-secret", "secret-of-this-test",
}  # fmt: skip

EXEMPT = {
    "up.log": "the terminal of `smsgw up`: it shows a newcomer a statement to paste, with a number of the range for "
    "fiction, and the address of the database that it made for him",
}
"""Files that may show what the others may not, each for a reason."""

LEAK = "LEAK: "

_NUMBER = re.compile(r"(?<![0-9a-fA-F])(?:\+?1[\s.-]?)?\(?202\)?[\s.-]{0,2}555[\s.-]?[0-9]{4}(?![0-9a-fA-F])")
_noted: list[tuple[str, str]] = []


def find(text: str) -> list[str]:
    """Return what kind of private things stand in a text; never the things themselves."""
    found = []
    if _NUMBER.search(text):
        found.append("a number")
    if MARK in text:
        found.append("a text")
    found += ["a secret" for secret in sorted(SECRETS) if secret in text]
    return found


def note(source: str, text: str) -> None:
    """Have a text scanned when the test is over."""
    _noted.append((source, text))


class _Raises:
    """What `pytest.raises` gives, noting what the exception says."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> Any:
        return self._context.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        if error is not None and type(error).__module__.startswith("gateway."):
            note(f"the message of {type(error).__name__}", str(error))
        return self._context.__exit__(kind, error, trace)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the exits that no file stands behind."""
    from gateway.metrics.registry import Metrics

    *processors, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, plain])
    raises, run, exposition = pytest.raises, subprocess.run, Metrics.exposition

    def noted_raises(*given: Any, **named: Any) -> Any:
        context = raises(*given, **named)
        return _Raises(context) if hasattr(context, "__enter__") else context

    def noted_run(*given: Any, **named: Any) -> Any:
        done = run(*given, **named)
        if "gateway.cli" in str(done.args) and isinstance(done.stderr, str):
            note("stderr of a command", done.stderr)
        return done

    def noted_exposition(self: Any, *given: Any) -> Any:
        content, kind = exposition(self, *given)
        note("the metrics", content.decode())
        return content, kind

    for place, name, noted, before in (
        (pytest, "raises", noted_raises, raises),
        (subprocess, "run", noted_run, run),
        (Metrics, "exposition", noted_exposition, exposition),
    ):
        setattr(place, name, noted)
        config.add_cleanup(lambda place=place, name=name, before=before: setattr(place, name, before))


def _said(item: pytest.Item, report: pytest.TestReport) -> list[tuple[str, str]]:
    """Return everything that came out of a test, with where it came out."""
    said = [*_noted, *report.sections]
    _noted.clear()
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if isinstance(folder, Path) and folder.is_dir():
        said += [
            (path.name, path.read_text(encoding="utf-8", errors="replace"))
            for path in sorted(folder.rglob("*.log"))
            if path.name not in EXEMPT
        ]
    return said


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[Any]") -> Any:
    """Scan when the fixtures are gone: by then the processes have said their last words."""
    report = yield
    if call.when == "teardown" and item.get_closest_marker("shows_private") is None:
        leaks = [f"{what} in {where}" for where, text in _said(item, report) for what in find(text)]
        if leaks and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = LEAK + "; ".join(leaks)
    elif call.when == "teardown":
        _noted.clear()
    return report


def remember_password(dsn: str) -> None:
    """Add the password of the suite's database to what must not be seen."""
    password = urlsplit(dsn).password
    if password is not None and len(password) >= 8:
        SECRETS.add(password)
