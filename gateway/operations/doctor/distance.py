"""How far away the database is, and what that means for sending."""

from collections.abc import Callable

from gateway.clock import monotonic
from gateway.operations.doctor.checks import Check, ok, warn
from gateway.store import health
from gateway.store.pool import Connection

SAMPLES = 5

ROUND_TRIPS_TO_SEND = 10
"""From taking a token to the first byte of its request: the tokens, the claim's statements, the commit, another check
of the suppression list, and some to spare."""

FAR = 0.02
"""Seconds. A nearer database costs a login code less than a quarter of a second."""


async def run_checks(
    connection: Connection, *, send_within: float, monotonic: Callable[[], float] = monotonic
) -> list[Check]:
    """Return the check. `send_within` is the setting, in seconds."""
    times = []
    for _ in range(SAMPLES):
        began = monotonic()
        await health.answer(connection)
        times.append(monotonic() - began)
    return [assess(min(times), send_within)]


def assess(round_trip: float, send_within: float) -> Check:
    """Return what this round trip, in seconds, means for sending."""
    name = "distance"
    needed = ROUND_TRIPS_TO_SEND * round_trip
    message = f"a round trip to the database takes {round_trip * 1000:.1f} ms"
    if needed > send_within / 2:
        return warn(
            name,
            f"{message}; a request needs about {needed:.1f} s of the {send_within:g} s within which it must be sent, "
            "and requests that need longer are released and claimed again",
            f"run the gateway nearer to the database, or set SMSGW_SEND_WITHIN to at least {4 * needed:.0f}s",
        )
    if round_trip > FAR:
        return ok(name, f"{message}; a message is sent about {needed:.1f} s after its commit")
    return ok(name, message)
