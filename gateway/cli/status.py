"""`smsgw status`."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.connection import settings, with_database
from gateway.cli.printing import clock, line, span, table
from gateway.domain.states import OPEN_STATES, State

EVERY = 1.0
"""Seconds between two looks of --watch."""

HOME = "\x1b[H\x1b[2J"
"""What a terminal understands as: begin again at the top."""

STATES = (State.READY, State.HELD, *(state for state in OPEN_STATES if state not in (State.READY, State.HELD)))
"""Columns of the table: what an operator looks for comes first."""


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, or one a second with --watch.")] = False,
) -> None:
    """Say what runs, what waits and how long, what the limiter gives, what is paused, and what went wrong."""
    from gateway.operations.status import read_status

    most = settings().max_recipients

    async def work(connection: Any) -> None:
        while True:
            found = await read_status(connection, max_recipients=most)
            if as_json:
                line(_json(found))
            else:
                if watch:
                    typer.echo(HOME, nl=False)
                _print(found)
            if not watch:
                return
            await asyncio.sleep(EVERY)

    try:
        with_database(work)
    except KeyboardInterrupt:
        return


def _json(found: Any) -> dict[str, Any]:
    flat = [
        {"lane": lane.lane, "state": state, "messages": messages, "at_least": lane.at_least and state == "ready"}
        for lane in found.lanes
        for state, messages in lane.states.items()
    ]
    return asdict(found) | {"backlog": flat, "sending": found.sending}


def _print(found: Any) -> None:
    for text in _alarms(found):
        typer.echo(text)
    shown = [state for state in STATES if any(lane.states.get(state) for lane in found.lanes)] or [State.READY]
    table(
        ("LANE", *(state.upper() for state in shown), "OLDEST", "GONE IN"),
        (
            (
                lane.lane,
                *(_count(lane, state) for state in shown),
                span(lane.oldest),
                _eta(lane),
            )
            for lane in found.lanes
        ),
    )
    typer.echo()
    table(
        ("LIMIT", "IN USE", "TOKENS", "RATE/S", "ALLOWANCE", "BLOCKED"),
        (
            (
                limit.name,
                f"{limit.used:.0%}",
                f"{limit.tokens:.1f}",
                f"{limit.rate:.2f}" + ("" if limit.rate >= 0.99 * limit.full_rate else f" of {limit.full_rate:.2f}"),
                f"{limit.allowance:g} in {span(limit.period)}",
                span(limit.blocked_for) if limit.blocked_for else "",
            )
            for limit in found.limits
        ),
    )
    typer.echo()
    table(
        ("REPLICA", "RELEASE", "DUTIES", "UP", "LAST SEEN"),
        ((r.worker, r.version, ",".join(r.duties), span(r.up), f"{span(r.silent)} ago") for r in found.replicas),
    )
    _print_receiving(found)
    if found.troubles:
        typer.echo()
        table(
            ("TROUBLE IN THE LAST HOUR", "CODE", "ERROR", "ATTEMPTS", "LAST (UTC)"),
            ((t.outcome, t.status, t.error, t.attempts, clock(t.last_at)) for t in found.troubles),
        )


def _alarms(found: Any) -> Iterator[str]:
    for pause in found.pauses:
        until = f" until {clock(pause.expires_at)} UTC" if pause.expires_at is not None else ""
        yield f"PAUSED {pause.scope} {pause.subject}{until} by {pause.actor}: {pause.reason}".replace("  ", " ")
    for route in found.routes:
        if route.opened_at is not None:
            yield (
                f"BREAKER OPEN {route.name} since {clock(route.opened_at)} UTC: {route.last_error}; "
                f"next probe {clock(route.retry_at)} UTC"
            )
    if not found.sending:
        yield "NOBODY SENDS: no process with the duty of sending is alive; start one: smsgw run"
    if len(found.versions) > 1:
        yield f"RELEASES DIFFER: {', '.join(found.versions)}"


def _count(lane: Any, state: str) -> str:
    count = lane.states.get(state, 0)
    return f"{count}+" if lane.at_least and state in ("ready", "held") else str(count)


def _eta(lane: Any) -> str:
    if lane.held:
        return "paused"
    return "nobody can say" if lane.eta is None else "now" if lane.eta == 0 else f"about {span(lane.eta)}"


def _print_receiving(found: Any) -> None:
    receiving = found.receiving
    last = "none yet" if receiving.last_webhook is None else f"the last {clock(receiving.last_webhook)} UTC"
    text = f"\nwebhooks: {receiving.webhooks_in_an_hour} in the last hour, {last}"
    if receiving.polled_in_an_hour:
        text += f"; by polling {receiving.polled_in_an_hour}"
    if receiving.unfolded:
        text += f"; waiting to be applied {receiving.unfolded}"
    if receiving.unmatched:
        text += f"; without a message {receiving.unmatched}"
    typer.echo(text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)
