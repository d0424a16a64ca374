"""The operators' guide names only commands and options that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gateway.cli.commands import app

GUIDE = Path(__file__).parent.parent.parent / "docs" / "operators.md"
FOUND = re.finditer(r"(?:^    \$ |`)(smsgw [^`\n]+)", GUIDE.read_text(), re.MULTILINE)
TOLD = sorted({match[1].strip() for match in FOUND})


@pytest.mark.parametrize("told", TOLD)
def test_every_command_of_the_guide_exists_with_its_options(told: str) -> None:
    command: Any = get_command(app)
    words = told.split()[1:]
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"--help", "--install-completion"}
    assert not hasattr(command, "commands") or words[0].startswith("--"), f"{told}: no such command"
    assert {word for word in words if word.startswith("--")} <= options


def test_the_guide_tells_of_enough() -> None:
    assert len(TOLD) > 15
