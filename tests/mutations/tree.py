"""Mutations of the source, and copies of the tree in which tests run against them.

A mutation is a search and a replacement in one file, kept in a TOML file of its promise beside this one. It names the
tests that must notice it. The text to search must be in the file exactly once: a mutation that no longer fits the code
is an error and not a pass, or the proof would wither unseen.
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
PATIENCE = 300.0
"""Seconds; only ends a run that hangs."""


class DoesNotApply(Exception):
    """The source has moved on; the message says which mutation to adapt, and to what."""


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
            raise DoesNotApply(f"{self.name}: {self.file} is gone; adapt the mutation to where that code is now")
        text = path.read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(
                f"{self.name}: its text stands {found} times in {self.file}, not once; adapt the mutation to the code "
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
    """Copy what a run of the tests needs. With the compiled files: their times are kept, so they stay valid."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("node_modules", ".hypothesis"))
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / part)
    return to


def run_tests(root: Path, tests: tuple[str, ...], dsn: str, template: str | None) -> dict[str, Any]:
    """Run tests inside a copy, on the Postgres of this run; return what `support.report_plugin` wrote.

    `template` is a database with the schema as it is; without one the copy's own migrations make it.
    """
    told = root / "verdicts.json"
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
            "SMSGW_VERDICTS": str(told),
        }
        | ({"SMSGW_SUITE_TEMPLATE": template} if template is not None else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if not told.exists():
        raise AssertionError(f"pytest did not come to its end:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    verdicts: dict[str, Any] = json.loads(told.read_text())
    assert verdicts["package"] == str(root / "gateway"), "the tests ran against another copy of the package"
    return verdicts


def of_test(name: str, verdicts: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the verdicts on one named test: one, or one for each of its cases."""
    return {
        node: classification
        for node, classification in verdicts["tests"].items()
        if node == name or node.startswith((f"{name}[", f"{name}::"))
    }
