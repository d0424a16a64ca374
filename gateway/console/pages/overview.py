"""The overview: what waits, how old, how fast it goes, and how it fared."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from gateway.console.dependencies import ConsoleDeps
from gateway.console.plots import TIMES, Plot, bars, percent, plot
from gateway.console.rendering import count, seconds
from gateway.console.status_cache import StatusSnapshot, waiting
from gateway.store.samples import MOST_REQUESTS, STEP, Sample

COLUMNS = ("scheduled", "sending", "retrying", "uncertain", "accepted", "unconfirmed")
KINDS = ("delivered", "undelivered", "no receipt yet", "not accepted")
SMOOTHED = 6
"""Samples of which a rate is the mean: claims come in bursts, and half a minute shows the pace."""


def routes(deps: ConsoleDeps) -> Iterable[web.AbstractRouteDef]:
    """Return the routes."""

    async def overview(request: web.Request) -> web.Response:
        look = await deps.watch.latest()
        return deps.renderer.page(request, "overview.html", **values(look))

    return [web.get("/", overview)]


def values(look: StatusSnapshot) -> dict[str, Any]:
    """Return what the templates of the overview need."""
    cohorts = [cohort for cohort in look.cohorts if cohort.messages]
    return {
        "now": look.now,
        "lanes": look.now.lanes,
        "waiting": waiting,
        "columns": COLUMNS,
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
        plot("sent", "Messages sent in a minute", _rates(rows), unit=count, step=STEP),
        plot("waiting", "Messages waiting", [(row.at, row.waiting) for row in rows], unit=count, step=STEP),
        plot(
            "oldest",
            "Age of the oldest waiting",
            [(row.at, row.oldest) for row in rows],
            unit=seconds,
            step=STEP,
            sizes=TIMES,
        ),
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
