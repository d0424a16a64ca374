"""The result of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a result is."""

    OK = "ok"
    WARN = "warn"
    """It works now and will cause trouble."""
    FAIL = "fail"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor."""

    name: str
    level: Level
    message: str
    remedy: str = ""
    """What to do; empty if the level is ok."""


def ok(name: str, message: str) -> Check:
    """Return the result of a check that passed."""
    return Check(name, Level.OK, message)


def warn(name: str, message: str, remedy: str) -> Check:
    """Return the result of a check that found something that will cause trouble."""
    return Check(name, Level.WARN, message, remedy)


def fail(name: str, message: str, remedy: str) -> Check:
    """Return the result of a check that failed."""
    return Check(name, Level.FAIL, message, remedy)
