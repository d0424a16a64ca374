"""Input and output types of the API that the layers below do not have."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, create_model
from pydantic.dataclasses import dataclass

from gateway.domain.lanes import LANE_NAME
from gateway.domain.phone import E164
from gateway.domain.states import State
from gateway.operations.lane_attributes import LANE_ATTRIBUTES, Kind, LaneAttribute
from gateway.operations.pause import Scope
from gateway.operations.replay import ReplayCount
from gateway.operations.resolve import Resolution
from gateway.operations.search import MessageRow

STRICT = ConfigDict(extra="forbid")
MAX_ID = 2**63 - 1
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _clamped(moment: datetime) -> datetime:
    """Return a time that Postgres can hold. No message is older or newer, so a filter means the same."""
    return min(max(moment, EARLIEST), LATEST)


def _integer(value: object) -> object:
    """Return 3 for 3.0, because JSON has only one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
ReasonText = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_ -]{1,60}$")]
LaneName = Annotated[str, Field(pattern=f"^{LANE_NAME}$")]
Number = Annotated[str, Field(pattern=f"^{E164}$")]
INTEGER = BeforeValidator(_integer)
Id = Annotated[int, Field(ge=1, le=MAX_ID), INTEGER]
Time = Annotated[AwareDatetime, AfterValidator(_clamped)]
Seconds = Annotated[float, Field(ge=1, le=366 * 86400.0)]
Limit = Annotated[int, Field(ge=1, le=500), INTEGER]


@dataclass(frozen=True, slots=True, config=STRICT)
class CommonFilters:
    """Filters by the names of `gateway.store.filters.Filters`. A filter that is left out matches all."""

    lane: LaneName | None = None
    tenant: Text | None = None
    tag: Text | None = None
    reference: Text | None = None
    reason: Code | None = None
    since: Time | None = None
    until: Time | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class ListQuery(CommonFilters):
    """Filters of the list of messages that may stand in an address, and the page."""

    state: State | None = None
    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class MessageFilters(CommonFilters):
    """Which messages. A filter that is left out matches all."""

    states: Annotated[tuple[State, ...], Field(min_length=1, max_length=len(State))] | None = None
    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1000)] | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class SearchBody(MessageFilters):
    """Filters in a body, where a phone number is allowed, and the page."""

    number: Number | None = None
    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages. Numbers are masked."""

    messages: tuple[MessageRow, ...]
    next: int | None
    """The `below` of the next page; null if there are no more."""
    timed_out: bool
    """Whether the search stopped at its time limit. Continue with the next page."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Reason:
    """A reason for the operator log."""

    because: ReasonText


@dataclass(frozen=True, slots=True, config=STRICT)
class OptionalReason:
    """A reason for the operator log, if there is one."""

    because: ReasonText | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class ResolveBody:
    """How to resolve an uncertain message."""

    how: Resolution
    because: ReasonText
    new_ttl: Seconds | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class PlanBody(MessageFilters):
    """Which messages to replay."""

    new_ttl: Seconds | None = None
    """Seconds until the messages expire, from the replay on. Without it, expired messages are left out."""
    ended_until: Time | None = None
    """Only messages that reached their state before this time. Send the `ended_until` of a plan, so that the replay
    adds no message that the plan did not count."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ReplayBody(PlanBody):
    """Which messages to replay, and whether second copies are allowed."""

    allow_duplicates: bool = False
    because: ReasonText | None = None


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What a replay would do."""

    found: int
    safe: ReplayCount
    risky: ReplayCount
    left_out: ReplayCount
    steps: dict[str, ReplayCount]
    also_affected: int
    ended_until: datetime
    """Send it with the replay."""


@dataclass(frozen=True, slots=True, config=STRICT)
class PauseBody:
    """What to pause."""

    scope: Scope
    because: ReasonText
    subject: Text = ""
    seconds: Seconds | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class ResumeBody:
    """What to resume."""

    scope: Scope
    subject: Text = ""
    because: ReasonText | None = None


def _lane_field(attribute: LaneAttribute) -> Any:
    types: dict[Kind, Any] = {
        Kind.INTEGER: Annotated[int, Field(ge=attribute.minimum, le=attribute.maximum), INTEGER],
        Kind.DURATION: Annotated[float, Field(ge=attribute.minimum, le=attribute.maximum)],
        Kind.FLAG: bool,
        Kind.CHOICE: Literal[attribute.choices] if attribute.choices else None,
    }
    return types[attribute.kind] | None, Field(default=None, description=attribute.help)


LaneBody = create_model(
    "LaneBody",
    __config__=STRICT,
    __doc__="The attributes of a lane to change. Those that are left out stay as they are.",
    because=(ReasonText | None, None),
    **{attribute.name: _lane_field(attribute) for attribute in LANE_ATTRIBUTES},
)


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """Whether the change created something."""

    created: bool


@dataclass(frozen=True, slots=True, config=STRICT)
class NumberBody:
    """A phone number."""

    number: Number


@dataclass(frozen=True, slots=True, config=STRICT)
class SuppressionBody:
    """A phone number to suppress or to remove, and the reason."""

    number: Number
    because: ReasonText


@dataclass(frozen=True, slots=True)
class SuppressionResult:
    """Whether a number is suppressed, and since when."""

    suppressed: bool
    since: datetime | None = None
    source: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class SamplesQuery:
    """How many seconds back."""

    seconds: Annotated[float, Field(ge=5, le=86400)] = 1800.0


@dataclass(frozen=True, slots=True, config=STRICT)
class PageQuery:
    """A page of a list."""

    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class BeforeQuery:
    """A page of a list that is ordered by time."""

    before: Time | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class ActionQuery(PageQuery):
    """Which actions of the operator log."""

    actor: Text | None = None
    action: Text | None = None
    message_id: Id | None = None


@dataclass(frozen=True, slots=True)
class CancelResult:
    """The messages that were cancelled, and why the others were not."""

    ids: tuple[int, ...]
    refused: dict[int, str]
