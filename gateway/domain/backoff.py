"""How long to wait before the next attempt."""

import random


def delay(failures: int, *, base: float, cap: float, rng: random.Random) -> float:
    """Return seconds to wait after the given number of failures: exponential, with full jitter.

    Uniform between zero and `min(cap, base × 2^(failures - 1))`: of the known schemes the one that spreads a crowd of
    clients best (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). A floor of a tenth of the
    base keeps a lucky draw from being no wait at all.
    """
    ceiling = min(cap, base * 2.0 ** min(max(failures, 1) - 1, 60))
    return max(base / 10.0, rng.uniform(0.0, ceiling))
