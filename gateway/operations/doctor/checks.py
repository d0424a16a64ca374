"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    """It works, and will hurt sooner or later."""
    FAIL = "fail"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor."""

    name: str
    level: Level
    says: str
    mend: str = ""
    """What to do; empty where all is well."""


def ok(name: str, says: str) -> Check:
    """Return the line of something that is well."""
    return Check(name, Level.OK, says)


def warn(name: str, says: str, mend: str) -> Check:
    """Return the line of something that will hurt."""
    return Check(name, Level.WARN, says, mend)


def fail(name: str, says: str, mend: str) -> Check:
    """Return the line of something that does not work."""
    return Check(name, Level.FAIL, says, mend)
