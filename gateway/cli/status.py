"""`smsgw status`."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.output import format_duration, format_time, json_line, table
from gateway.cli.session import settings, with_database
from gateway.domain.states import OPEN_STATES, State

REFRESH = 1.0
"""Seconds between two refreshes of --watch."""

CLEAR_SCREEN = "\x1b[H\x1b[2J"
"""Moves the cursor to the top left and clears the terminal."""

STATES = (State.READY, State.HELD, *(state for state in OPEN_STATES if state not in (State.READY, State.HELD)))
"""Columns of the table: what an operator looks for comes first."""


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second, until Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, or one a second with --watch.")
    ] = False,
) -> None:
    """Show lanes, limits, workers, pauses and recent failures."""
    from gateway.operations.status import read_status

    max_recipients = settings().max_recipients

    async def work(connection: Any) -> None:
        while True:
            found = await read_status(connection, max_recipients=max_recipients)
            if as_json:
                json_line(_json(found))
            else:
                if watch:
                    typer.echo(CLEAR_SCREEN, nl=False)
                _print(found)
            if not watch:
                return
            await asyncio.sleep(REFRESH)

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
    _print_lanes(found.lanes)
    typer.echo()
    _print_limits(found.limits)
    typer.echo()
    table(
        ("WORKER", "RELEASE", "COMPONENTS", "UP", "LAST SEEN"),
        (
            (r.worker, r.version, ",".join(r.components), format_duration(r.up), f"{format_duration(r.silent)} ago")
            for r in found.replicas
        ),
    )
    _print_receiving(found.receiving)
    if found.troubles:
        typer.echo()
        table(
            ("FAILED ATTEMPTS IN THE LAST HOUR", "STATUS", "ERROR", "ATTEMPTS", "LAST (UTC)"),
            ((t.outcome, t.status, t.error, t.attempts, format_time(t.last_at)) for t in found.troubles),
        )


def _print_lanes(lanes: Any) -> None:
    shown = [state for state in STATES if any(lane.states.get(state) for lane in lanes)] or [State.READY]
    table(
        ("LANE", *(state.upper() for state in shown), "OLDEST", "DRAINS IN"),
        (
            (lane.lane, *(_count(lane, state) for state in shown), format_duration(lane.oldest), _eta(lane))
            for lane in lanes
        ),
    )


def _print_limits(limits: Any) -> None:
    table(
        ("LIMIT", "IN USE", "TOKENS", "RESERVE", "RATE/S", "ALLOWANCE", "BLOCKED"),
        (
            (
                limit.name,
                f"{limit.used:.0%}",
                f"{limit.tokens:.1f}",
                str(limit.reserve or ""),
                f"{limit.rate:.2f}" + ("" if limit.rate >= 0.99 * limit.full_rate else f" of {limit.full_rate:.2f}"),
                f"{limit.allowance:g} in {format_duration(limit.period)}",
                format_duration(limit.blocked_for) if limit.blocked_for else "",
            )
            for limit in limits
        ),
    )


def _alarms(found: Any) -> Iterator[str]:
    for pause in found.pauses:
        until = f" until {format_time(pause.expires_at)} UTC" if pause.expires_at is not None else ""
        yield f"PAUSED {pause.scope} {pause.subject}{until} by {pause.actor}: {pause.reason}".replace("  ", " ")
    for route in found.routes:
        if route.opened_at is not None:
            yield (
                f"BREAKER OPEN {route.name} since {format_time(route.opened_at)} UTC: {route.last_error}; "
                f"next probe {format_time(route.retry_at)} UTC"
            )
    if not found.sending:
        yield "NOT SENDING: no worker that sends is running; start one: smsgw run"
    if len(found.versions) > 1:
        yield f"RELEASES DIFFER: {', '.join(found.versions)}"


def _count(lane: Any, state: str) -> str:
    count = lane.states.get(state, 0)
    return f"{count}+" if lane.at_least and state in ("ready", "held") else str(count)


def _eta(lane: Any) -> str:
    if lane.held:
        return "paused"
    return "unknown" if lane.eta is None else "now" if lane.eta == 0 else f"about {format_duration(lane.eta)}"


def _print_receiving(receiving: Any) -> None:
    last = "none yet" if receiving.last_webhook is None else f"the last at {format_time(receiving.last_webhook)} UTC"
    text = f"\nwebhooks: {receiving.webhooks_in_an_hour} in the last hour, {last}"
    if receiving.polled_in_an_hour:
        text += f"; by polling: {receiving.polled_in_an_hour}"
    if receiving.unapplied:
        text += f"; not applied yet: {receiving.unapplied}"
    if receiving.unmatched:
        text += f"; unmatched: {receiving.unmatched}"
    typer.echo(text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)
