"""How long to wait before the next attempt of a request: the formula and its bounds."""

import random

RETRY_BASE_SECONDS = 1.0
"""The largest wait after the first failure. It doubles with each further failure."""

RETRY_CAP_SECONDS = 60.0
"""No wait grows beyond this, so a retry stays well inside the idempotency horizon."""

THROTTLE_WAIT_SECONDS = 5.0
"""The wait after a 429 that does not say how long to wait: a third of the provider's window."""

THROTTLE_JITTER = 0.25
"""Fraction of a throttle wait that is added at random, so that requests stopped together do not return together."""


def retry_delay(failures: int, rng: random.Random) -> float:
    """Return the seconds to wait after this number of failures: exponential, with full jitter.

    The delay is uniform between zero and `min(cap, base × 2^(failures - 1))`. Of the known schemes this one spreads a
    crowd of clients best (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). It is at least a
    tenth of the base, so that a lucky draw is still a wait.
    """
    ceiling = min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2.0 ** min(max(failures, 1) - 1, 60))
    return max(RETRY_BASE_SECONDS / 10.0, rng.uniform(0.0, ceiling))


def throttle_delay(retry_after: float | None, rng: random.Random) -> float:
    """Return the seconds to wait after a 429 that asked for `retry_after`, None if it asked for nothing."""
    wait = THROTTLE_WAIT_SECONDS if retry_after is None else retry_after
    return wait * (1.0 + THROTTLE_JITTER * rng.random())
