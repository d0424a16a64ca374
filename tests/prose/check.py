"""Holds the texts that a user sees to plain English: no word of the list in words.toml.

`make check` runs this file. It prints every violation with its file, line and a suggestion.
"""

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from prose.extract import texts

ROOT = Path(__file__).parent.parent.parent
RULES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
WORDS = [(re.compile(rf"\b(?:{word})\b", re.IGNORECASE), instead) for word, instead in RULES["words"].items()]


def files() -> dict[Path, str]:
    """Return the files in scope, each with its kind. A module whose docstrings count has that kind."""
    scope = RULES["scope"]
    skipped = {path for glob in scope["skip"] for path in ROOT.glob(glob)}
    return {
        path: kind
        for kind in ("python", "docstrings", "templates", "sql", "text")
        for glob in scope[kind]
        for path in sorted(ROOT.glob(glob))
        if path.is_file() and path not in skipped
    }


def violations() -> dict[str, list[str]]:
    """Return the violations of each file, each with line, word and suggestion."""
    found: dict[str, list[str]] = {}
    for path, kind in files().items():
        name = path.relative_to(ROOT).as_posix()
        for line, text in texts(path, kind):
            for pattern, instead in WORDS:
                found.setdefault(name, []).extend(
                    f"{name}:{line + text[: match.start()].count(chr(10))}: {match[0]!r}; write: {instead}"
                    for match in pattern.finditer(text)
                )
    return {name: lines for name, lines in found.items() if lines}


def new_violations() -> list[str]:
    """Return the violations of every file that has more than words.toml allows."""
    known = Counter(RULES["not_yet"])
    return [line for name, lines in violations().items() if len(lines) > known[name] for line in lines]


def stale_exceptions() -> list[str]:
    """Return the files for which words.toml allows more violations than there are."""
    found = violations()
    return [name for name, count in RULES["not_yet"].items() if len(found.get(name, ())) < count]


def main() -> int:
    """Print what is wrong; return the exit code."""
    lines = new_violations()
    lines += [f"{name}: has fewer violations than words.toml allows; lower its count" for name in stale_exceptions()]
    print("\n".join(lines) or "prose: no banned word")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
