"""Mutations of the source, and copies of the tree in which tests run against them.

A mutation replaces a text in one file. Each promise has a TOML file with its mutations in this folder. A mutation names
the tests that must fail. Its text must be in the file exactly once: a mutation that no longer fits the code is an
error, so that it is adapted.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PARTS = ("gateway", "sql", "tests", "pyproject.toml")
PATIENCE = 900.0
"""Seconds. This only ends a run that hangs."""


class DoesNotApply(Exception):
    """The source has changed; the message names the mutation to adapt."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break one promise."""

    promise: int
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Change the copy under `root`; raises `DoesNotApply`."""
        path = root / self.file
        if not path.is_file():
            raise DoesNotApply(f"{self.name}: {self.file} is gone; adapt the mutation to the new place of that code")
        text = path.read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(
                f"{self.name}: its text is {found} times in {self.file}, not once; adapt the mutation to the code "
                f"as it is now:\n{self.old}"
            )
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def load() -> list[Mutation]:
    """Return every mutation, in the order of the promises."""
    found = []
    for path in sorted(HERE.glob("promise_*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        found += [
            Mutation(
                promise=content["promise"],
                name=entry["name"],
                file=entry["file"],
                old=entry["old"].strip("\n"),
                new=entry["new"].strip("\n"),
                tests=tuple(entry["tests"]),
            )
            for entry in content["mutation"]
        ]
    return found


def copy_tree(to: Path) -> Path:
    """Copy what a test run needs, with the compiled files: their times are kept, so they stay valid."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("node_modules", ".hypothesis"))
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / part)
    return to


def run_tests(root: Path, tests: tuple[str, ...], dsn: str, template: str | None) -> dict[str, Any]:
    """Run tests in a copy, on the Postgres of this run; return what `support.report_plugin` wrote.

    `template` is a migrated database. Without one the migrations of the copy make it.
    """
    written = root / "results.json"
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SMSGW_", "MTA_", "PYTEST_"))
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-n",
            "0",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "support.report_plugin",
            *tests,
        ],
        cwd=root,
        env=inherited
        | {
            "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SMSGW_TEST_DATABASE_URL": dsn,
            "SMSGW_TEST_REPORT": str(written),
        }
        | ({"SMSGW_SUITE_TEMPLATE": template} if template is not None else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if not written.exists():
        raise AssertionError(f"pytest did not finish:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    results: dict[str, Any] = json.loads(written.read_text())
    assert results["package"] == str(root / "gateway"), "the tests ran against another copy of the package"
    return results


def of_test(name: str, results: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the results of one named test, by the ids of its cases."""
    return {
        node: result
        for node, result in results["tests"].items()
        if node == name or node.startswith((f"{name}[", f"{name}::"))
    }
