"""Every command that the guide, a reason or an error shows exists and can be pasted."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gateway.cli.commands import app
from gateway.operations.reasons import GROUPS, ReasonCode

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "operators.md").read_text()
IN_GUIDE = sorted({match[1].strip() for match in re.finditer(r"(?:^    \$ |`)(smsgw [^`\n]+)", GUIDE, re.MULTILINE)})
COMMAND = re.compile(r"\bsmsgw (?:'[^']*'|[^'.,;()`\n]|\.(?=\S))+")
"""A command in a sentence ends with its clause."""

PLACEHOLDERS = {"ID": "1", "NUMBER": "+12025550123"}


def parse(shown: str) -> None:
    """Parse a command as the shell and Typer do; raises what they raise. Nothing is run."""
    command: Any = get_command(app)
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(shown)[1:]]
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands") or words in ([], ["--install-completion"]), f"{shown}: no such command"
    if hasattr(command, "commands"):
        return
    given = command.make_context(command.name, words).params
    # These refuse to run without a reason.
    assert given.get("because") or command.name not in {"resolve", "cancel", "remove"}, f"{shown}: lacks --because"


def sentences(path: Path) -> Iterator[str]:
    """Yield the strings of a module, each value of an f-string replaced by 1. Docstrings are left out."""
    tree = ast.parse(path.read_text())
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def in_sentences() -> list[str]:
    """Return the commands in remedies of reasons, in `why`, in the doctor, and in errors."""
    folder = ROOT / "gateway" / "operations"
    texts = [sentence for path in folder.rglob("*.py") for sentence in sentences(path)]
    texts += [reason.remedy for group in GROUPS.values() for reason in group]
    return sorted({match[0].strip() for text in texts for match in COMMAND.finditer(text)})


@pytest.mark.parametrize("shown", IN_GUIDE)
def test_every_command_of_the_guide_can_be_pasted(shown: str) -> None:
    parse(shown)


@pytest.mark.parametrize("shown", in_sentences())
def test_every_command_of_a_remedy_can_be_pasted(shown: str) -> None:
    parse(shown)


@pytest.mark.parametrize("reason", [reason for group in GROUPS.values() for reason in group], ids=lambda one: one.code)
def test_a_command_of_a_remedy_ends_its_line(reason: ReasonCode) -> None:
    for line in reason.remedy.splitlines():
        ends = [match.end() for match in COMMAND.finditer(line)]
        assert ends in ([], [len(line)])


def test_the_guide_shows_enough_commands() -> None:
    assert len(IN_GUIDE) > 15
    assert len(in_sentences()) > 10
