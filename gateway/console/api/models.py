"""What goes into the API and comes out of it, where the layers below have no type of their own for it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.domain.lanes import LANE_NAME
from gateway.domain.phone import E164
from gateway.domain.states import State
from gateway.operations.cancel import Cancelled
from gateway.operations.pause import Scope
from gateway.operations.resolve import As
from gateway.store.searches import MessageRow

STRICT = ConfigDict(extra="forbid")
LARGEST = 2**63 - 1


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _usual(moment: datetime) -> datetime:
    """Return a moment that every database can hold. Nothing here is older or newer, so a filter means the same."""
    return min(max(moment, EARLIEST), LATEST)


def _whole(value: object) -> object:
    """Return 3 for 3.0: JSON does not tell them apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
ReasonText = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_ -]{1,60}$")]
LaneName = Annotated[str, Field(pattern=f"^{LANE_NAME}$")]
Number = Annotated[str, Field(pattern=f"^{E164}$")]
WHOLE = BeforeValidator(_whole)
Id = Annotated[int, Field(ge=1, le=LARGEST), WHOLE]
Moment = Annotated[AwareDatetime, AfterValidator(_usual)]
Seconds = Annotated[float, Field(ge=1, le=366 * 86400.0)]
Limit = Annotated[int, Field(ge=1, le=500), WHOLE]


@dataclass(frozen=True, slots=True, config=STRICT)
class ListQuery:
    """Filters of the list of messages that may stand in an address."""

    state: State | None = None
    lane: LaneName | None = None
    tenant: Text | None = None
    tag: Text | None = None
    reference: Text | None = None
    reason: Code | None = None
    since: Moment | None = None
    until: Moment | None = None
    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class Wanted:
    """Which messages; empty for any."""

    states: Annotated[tuple[State, ...], Field(min_length=1, max_length=len(State))] | None = None
    lane: LaneName | None = None
    tenant: Text | None = None
    tag: Text | None = None
    reference: Text | None = None
    reason: Code | None = None
    since: Moment | None = None
    until: Moment | None = None
    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1000)] | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class SearchBody(Wanted):
    """A search in a body, which may name a phone number."""

    number: Number | None = None
    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A page of messages, their numbers masked."""

    messages: tuple[MessageRow, ...]
    next: int | None
    """Go on below this id; null when there are no more."""
    complete: bool
    """False when the search stopped for its time: go on."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Reason:
    """Why, for the operator log."""

    because: ReasonText


@dataclass(frozen=True, slots=True, config=STRICT)
class OptionalReason:
    """Why, for the operator log; may be left out."""

    because: ReasonText | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class ResolveBody:
    """What became of an uncertain message."""

    how: As
    because: ReasonText
    new_ttl: Seconds | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class PlanBody(Wanted):
    """What to replay."""

    new_ttl: Seconds | None = None
    """Seconds of life from the replay on; without, what has expired stays out."""
    ended_until: Moment | None = None
    """Only what had ended by then: give the `agreed` of a plan, so that nothing comes in that it did not count."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ReplayBody(PlanBody):
    """What to replay, and whether second copies are allowed."""

    allow_duplicates: bool = False
    because: ReasonText | None = None


@dataclass(frozen=True, slots=True)
class TallyAnswer:
    """So many messages, and what they cost."""

    messages: int
    parts: int


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """What a replay would do."""

    found: int
    safe: TallyAnswer
    risky: TallyAnswer
    left_out: TallyAnswer
    steps: dict[str, TallyAnswer]
    also_affected: int
    agreed: datetime


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


@dataclass(frozen=True, slots=True, config=STRICT)
class LaneBody:
    """What to change of a lane; what is left out stays."""

    weight: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = None
    ttl: Seconds | None = None
    urgent: bool | None = None
    coalesce: bool | None = None
    on_uncertain: Literal["hold", "resend"] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = None
    cap_percent: Annotated[int, Field(ge=1, le=100), WHOLE] | None = None
    because: ReasonText | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """Whether the change made something new."""

    new: bool


@dataclass(frozen=True, slots=True, config=STRICT)
class NumberBody:
    """A phone number."""

    number: Number


@dataclass(frozen=True, slots=True, config=STRICT)
class NumberChange:
    """A phone number, and why."""

    number: Number
    because: ReasonText


@dataclass(frozen=True, slots=True)
class SuppressedAnswer:
    """Whether a number is suppressed, and since when."""

    suppressed: bool
    since: datetime | None = None
    source: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class SpanQuery:
    """How far to look back."""

    seconds: Annotated[float, Field(ge=5, le=86400)] = 1800.0


@dataclass(frozen=True, slots=True, config=STRICT)
class PageQuery:
    """A place in a list."""

    below: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class BeforeQuery:
    """A place in a list that is ordered by time."""

    before: Moment | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, config=STRICT)
class ActionQuery(PageQuery):
    """Which lines of the log."""

    actor: Text | None = None
    action: Text | None = None
    message_id: Id | None = None


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """What was called back, and why the rest was not, by message."""

    ids: tuple[int, ...]
    refused: dict[int, str]

    @classmethod
    def of(cls, done: Cancelled) -> "CancelAnswer":
        """Return what a cancellation did."""
        return cls(done.ids, dict(done.refused))
