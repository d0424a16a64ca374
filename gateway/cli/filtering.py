"""The filters that `messages list`, `messages cancel` and `replay` share, from words to `Filters`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from gateway.cli.connection import fail
from gateway.settings import duration

GREATEST_ID = 2**63 - 1
"""What a bigint holds."""


def _states(incomplete: str) -> list[str]:
    """Return what the shell may complete a state to."""
    from gateway.domain.states import State

    return [state for state in State if state.startswith(incomplete)]


States = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only this state; may be given more than once.", autocompletion=_states),
]
Lane = Annotated[str | None, typer.Option(help="Only this lane.")]
Tenant = Annotated[str | None, typer.Option(help="Only this tenant.")]
Tag = Annotated[str | None, typer.Option(help="Only with this tag: its key, or key=value.")]
Reference = Annotated[str | None, typer.Option(help="Only this reference.")]
Number = Annotated[str | None, typer.Option(help="Only this recipient, in E.164 form.")]
Request = Annotated[str | None, typer.Option("--request-id", help="Only what this request carries or carried.")]
Since = Annotated[str | None, typer.Option(help="Made since then: a time (UTC), `yesterday`, or so long ago: 2h, 3d.")]
Until = Annotated[str | None, typer.Option(help="Made before then.")]
EndedSince = Annotated[str | None, typer.Option(help="Came to stand where it is since then.")]
EndedUntil = Annotated[str | None, typer.Option(help="Came to stand where it is before then.")]
Reason = Annotated[
    str | None, typer.Option(help="Only this code of the reason (no_credit), or status of the provider (402).")
]
Ids = Annotated[
    list[int] | None, typer.Option("--id", max=GREATEST_ID, help="Only this message; may be given more than once.")
]
Below = Annotated[int | None, typer.Option(max=GREATEST_ID, help="Go on below this id: the last of the page before.")]


def filters(
    *,
    states: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    ended_since: str | None = None,
    ended_until: str | None = None,
    request_id: str | None = None,
    reason: str | None = None,
    ids: list[int] | None = None,
    number: str | None = None,
    **plain: str | None,
) -> Any:
    """Return the filters of a command's options, or end the command naming the one that makes no sense."""
    from gateway.domain.states import State
    from gateway.operations.search import reason_filter
    from gateway.store.filters import Filters

    given: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    for state in states or ():
        if state not in set(State):
            fail(f"--state: {state!r} is none of {', '.join(State)}", 2)
    times = {"since": since, "until": until, "ended_since": ended_since, "ended_until": ended_until}
    given |= {name: moment(f"--{name.replace('_', '-')}", text) for name, text in times.items() if text is not None}
    if reason is not None:
        given |= reason_filter(reason)
    if number is not None:
        given["number"] = _number(number)
    if request_id is not None:
        try:
            given["request_id"] = UUID(request_id)
        except ValueError:
            fail("--request-id: is 32 hexadecimal digits, as the timeline shows them", 2)
    return Filters(states=tuple(states) if states else None, ids=tuple(ids) if ids else None, **given)


def moment(option: str, text: str, *, now: datetime | None = None) -> datetime:
    """Return a time: ISO 8601 (without an offset it is UTC), `now`, `today`, `yesterday`, or an age like `2h`."""
    current = datetime.now(UTC) if now is None else now
    midnight = current.replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"now": current, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in words:
        return words[text]
    try:
        return current - timedelta(seconds=duration(text))
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option}: a time like 2026-05-01T13:00, or yesterday, today, or an age like 30m, 2h, 3d", 2)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _number(text: str) -> str:
    from gateway.domain.phone import normalise

    number = normalise(text)
    if number is None:
        fail("--number: that is no phone number; write it in E.164 form, for example +12025550123", 2)
    return number
