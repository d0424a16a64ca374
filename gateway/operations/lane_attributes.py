"""The attributes of a lane that an operator can change: their labels, help and valid values.

The command line makes an option of each, the console a field of its form and of its API. To add one, add it here, a
column in `sql/migrations`, and its name in `gateway/store/lanes.py`, `list_lanes.sql` and `set_lane.sql`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.operations import NotPossible
from gateway.settings import duration

DAY = 86400.0


class Kind(StrEnum):
    """How a value is written and read."""

    INTEGER = "integer"
    DURATION = "duration"
    """Seconds as a number, or a text such as `24h`."""
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class LaneAttribute:
    """One attribute. The name is that of the column."""

    name: str
    kind: Kind
    label: str
    help: str
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()
    options: str = ""
    """The command line's pair of options for a flag."""

    @property
    def expected(self) -> str:
        """What a value must be, for an error."""
        match self.kind:
            case Kind.INTEGER:
                return f"a whole number from {self.minimum} to {self.maximum}"
            case Kind.DURATION:
                return f"from {self.minimum} s to {self.maximum / DAY:.0f} days"
            case Kind.FLAG:
                return "true or false"
            case Kind.CHOICE:
                return " or ".join(self.choices)

    def read(self, text: str) -> Any:
        """Return the value that a text means; raises `NotPossible`."""
        try:
            match self.kind:
                case Kind.INTEGER:
                    value: Any = int(text)
                case Kind.DURATION:
                    value = duration(text)
                case Kind.FLAG:
                    value = {"yes": True, "no": False}[text]
                case Kind.CHOICE:
                    value = text
        except (ValueError, KeyError):
            raise NotPossible(f"invalid lane: {self.name} must be {self.expected}") from None
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Raise `NotPossible` for a value that a lane cannot have."""
        match self.kind:
            case Kind.INTEGER | Kind.DURATION:
                is_valid = self.minimum <= value <= self.maximum
            case Kind.FLAG:
                is_valid = isinstance(value, bool)
            case Kind.CHOICE:
                is_valid = value in self.choices
        if not is_valid:
            raise NotPossible(f"invalid lane: {self.name} must be {self.expected}")


LANE_ATTRIBUTES = (
    LaneAttribute(
        "urgent", Kind.FLAG, "Urgent", "Served before all lanes that are not urgent.", options="--urgent/--not-urgent"
    ),
    LaneAttribute("weight", Kind.INTEGER, "Weight", "Share among the lanes that are not urgent.", 1, 1000),
    LaneAttribute(
        "ttl",
        Kind.DURATION,
        "Time to live",
        "Time to live of messages without expires_at: 5m, 24h, 3d.",
        1,
        # The table allows five years, and Postgres compares a year as 360 days.
        1800 * 86400,
    ),
    LaneAttribute(
        "coalesce",
        Kind.FLAG,
        "Messages may share a request",
        "Whether messages may share a request.",
        options="--coalesce/--alone",
    ),
    LaneAttribute(
        "on_uncertain",
        Kind.CHOICE,
        "When uncertain",
        "hold: an operator decides; resend: send a second copy.",
        choices=("hold", "resend"),
    ),
    LaneAttribute("max_attempts", Kind.INTEGER, "Maximum attempts", "Maximum attempts of each kind.", 1, 1000),
    LaneAttribute(
        "cap_percent",
        Kind.INTEGER,
        "Cap, % of the request limit",
        "Share of the request limit that an urgent lane may use while others wait, in percent.",
        1,
        100,
    ),
    LaneAttribute(
        "reserve_percent",
        Kind.INTEGER,
        "Reserve, % of the request limit",
        "Share of the request limit that other lanes leave free for an urgent lane, in percent.",
        0,
        90,
    ),
)

BY_NAME: Mapping[str, LaneAttribute] = {attribute.name: attribute for attribute in LANE_ATTRIBUTES}


def check_values(values: Mapping[str, Any]) -> None:
    """Raise `NotPossible` for an unknown attribute or an invalid value."""
    if unknown := sorted(set(values) - set(BY_NAME)):
        raise NotPossible(f"unknown lane setting: {', '.join(unknown)}")
    for name, value in values.items():
        BY_NAME[name].check(value)
