"""The overview: the backlog, the age of the oldest message, the pace, and how messages were delivered."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.console.plots import DURATION_STEPS, Plot, bars, percent, plot
from gateway.console.rendering import count, seconds
from gateway.console.status_cache import StatusSnapshot, waiting_messages
from gateway.operations.samples import MAX_REQUESTS, STEP, Cohort, Sample

STATE_COLUMNS = ("scheduled", "sending", "retrying", "uncertain", "accepted", "unconfirmed")
COHORT_KINDS = ("delivered", "undelivered", "no receipt yet", "not accepted")
SMOOTHED_SAMPLES = 6
"""Samples that a rate is the mean of. Claims come in bursts; half a minute shows the pace."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def overview(request: web.Request) -> web.Response:
        snapshot = await deps.status_cache.snapshot()
        return deps.renderer.page(request, "overview.html", **template_values(snapshot))

    return [web.get("/", overview)]


def template_values(snapshot: StatusSnapshot) -> dict[str, Any]:
    """Return what the templates of the overview need."""
    cohorts = [cohort for cohort in snapshot.cohorts if cohort.messages]
    return {
        "report": snapshot.report,
        "waiting": waiting_messages,
        "state_columns": STATE_COLUMNS,
        "plots": plots(snapshot.samples),
        "cohort_kinds": COHORT_KINDS,
        "is_sample": any(cohort.looked_at < cohort.messages for cohort in cohorts),
        "cohorts": bars([_cohort_row(cohort) for cohort in reversed(cohorts)], COHORT_KINDS),
    }


def _cohort_row(cohort: Cohort) -> tuple[str, str, dict[str, int]]:
    total = count(cohort.messages) + ("+" if cohort.requests >= MAX_REQUESTS else "")
    counts = (cohort.delivered, cohort.undelivered, cohort.awaiting, cohort.not_accepted)
    return cohort.begun.strftime("%H:%M"), total, dict(zip(COHORT_KINDS, counts, strict=True))


def plots(samples: list[Sample]) -> list[Plot]:
    """Return the four plots of the last half hour."""
    waiting = [(sample.at, sample.waiting) for sample in samples]
    oldest = [(sample.at, sample.oldest) for sample in samples]
    limiter = [(sample.at, sample.limiter) for sample in samples]
    return [
        plot("sent", "Messages sent per minute", _rates(samples), unit=count, step=STEP),
        plot("waiting", "Messages waiting", waiting, unit=count, step=STEP),
        plot("oldest", "Age of the oldest waiting message", oldest, unit=seconds, step=STEP, tick_steps=DURATION_STEPS),
        plot("limiter", "Limits in use", limiter, unit=percent, step=STEP, top=1.0),
    ]


def _rates(samples: list[Sample]) -> list[tuple[datetime, dict[str, float]]]:
    """Return messages per minute by lane. Each point is the mean of the last half minute."""
    lanes = {lane for sample in samples for lane in sample.sent}
    lanes |= {lane for sample in samples[-1:] for lane in sample.waiting}
    rates = []
    for index, sample in enumerate(samples):
        window = samples[max(0, index - SMOOTHED_SAMPLES + 1) : index + 1]
        scale = 60.0 / (STEP * len(window))
        rates.append((sample.at, {lane: scale * sum(one.sent.get(lane, 0.0) for one in window) for lane in lanes}))
    return rates
