"""The overview: what waits, how old, how fast it goes, and how it fared."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.console.parts import Parts
from gateway.console.plots import Plot, bars, per_minute, percent, plot
from gateway.console.rendering import count, seconds
from gateway.console.watch import Look
from gateway.store.samples import MOST_REQUESTS, STEP, Sample
from gateway.store.status import MOST_COUNTED, drain_eta

COLUMNS = ("scheduled", "sending", "retrying", "uncertain", "accepted", "unconfirmed")
KINDS = ("delivered", "undelivered", "no receipt yet", "not accepted")
SMOOTHED = 6
"""Samples of which a rate is the mean: claims come in bursts, and half a minute shows the pace."""


@dataclass(slots=True)
class LaneRow:
    """One line of the backlog."""

    name: str
    waiting: int = 0
    oldest: float = 0.0
    eta: float = 0.0
    paused: bool = False
    states: dict[str, int] = field(default_factory=dict)


def routes(parts: Parts) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def overview(request: web.Request) -> web.Response:
        look = await parts.watch.latest()
        return parts.renderer.page(request, "overview.html", **values(look, parts.max_recipients))

    return [web.get("/", overview)]


def values(look: Look, max_recipients: int) -> dict[str, Any]:
    """Return what the templates of the overview need."""
    cohorts = [cohort for cohort in look.cohorts if cohort.messages]
    return {
        "found": look.status,
        "lanes": _lanes(look, max_recipients),
        "columns": COLUMNS,
        "most": MOST_COUNTED,
        "plots": plots(look.samples),
        "kinds": KINDS,
        "sampled": any(cohort.looked_at < cohort.messages for cohort in cohorts),
        "cohorts": bars(
            [
                (
                    cohort.begun.strftime("%H:%M"),
                    count(cohort.messages) + ("+" if cohort.requests >= MOST_REQUESTS else ""),
                    dict(
                        zip(
                            KINDS,
                            (cohort.delivered, cohort.undelivered, cohort.awaiting, cohort.not_accepted),
                            strict=True,
                        )
                    ),
                )
                for cohort in reversed(cohorts)
            ],
            KINDS,
        ),
    }


def plots(rows: list[Sample]) -> list[Plot]:
    """Return the four plots of the last half hour."""
    return [
        plot("sent", "Messages sent", _rates(rows), unit=per_minute, step=STEP),
        plot("waiting", "Messages waiting", [(row.at, row.waiting) for row in rows], unit=count, step=STEP),
        plot("oldest", "Age of the oldest waiting", [(row.at, row.oldest) for row in rows], unit=seconds, step=STEP),
        plot("limiter", "Limiter in use", [(row.at, row.limiter) for row in rows], unit=percent, step=STEP, top=1.0),
    ]


def _rates(rows: list[Sample]) -> list[tuple[Any, dict[str, float]]]:
    """Return messages a minute, each point the mean of the last half minute."""
    names = {name for row in rows for name in row.sent} | {name for row in rows[-1:] for name in row.waiting}
    result = []
    for index, row in enumerate(rows):
        window = rows[max(0, index - SMOOTHED + 1) : index + 1]
        scale = 60.0 / (STEP * len(window))
        result.append((row.at, {name: scale * sum(one.sent.get(name, 0.0) for one in window) for name in names}))
    return result


def _lanes(look: Look, max_recipients: int) -> list[LaneRow]:
    paused = {pause.subject for pause in look.status.pauses if pause.scope == "lane"}
    everything = any(pause.scope in ("all", "route") for pause in look.status.pauses)
    lanes: dict[str, LaneRow] = {}
    for row in look.status.backlog:
        lane = lanes.setdefault(row.lane, LaneRow(row.lane, paused=everything or row.lane in paused))
        if row.state in ("ready", "held"):
            lane.waiting += row.messages
            lane.oldest = max(lane.oldest, row.oldest or 0.0)
        else:
            lane.states[row.state] = lane.states.get(row.state, 0) + row.messages
    for lane in lanes.values():
        still = lane.paused and lane.waiting
        lane.eta = (
            float("inf") if still else drain_eta(lane.waiting, look.status.buckets, max_recipients=max_recipients)
        )
    return list(lanes.values())
