"""When to look for work again: at once under load, on the doorbell when idle, by the clock in any case."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.dispatch.claimer import ClaimResult
from gateway.store.doorbell import ArmResult, Doorbell

FIRST_POLL = 0.005
"""Seconds until the first look while the bell can't be armed; doubles from there up to the safety poll."""

PROBE_EVERY = 15.0
"""Seconds between proofs that the listening session lives."""

JITTER = 0.2
"""Share by which polls differ, so that replicas that started together do not look together for ever."""


class Waker:
    """Decides how long the engine sleeps."""

    def __init__(
        self,
        doorbell: Doorbell,
        *,
        poll_interval: float,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doorbell = doorbell
        self._poll_interval = poll_interval
        self._rng = rng or random.Random()
        self._monotonic = monotonic
        self._open_polls = 0
        self._next_probe = 0.0
        self._checked = False

    def wake(self) -> None:
        """Wake the sleeper: something in this process changed what can be done."""
        self._doorbell.rung.set()

    async def on_work(self) -> None:
        """There was work: the bell is not needed, and inserts need not ring it."""
        self._checked = False
        self._open_polls = 0
        await self._doorbell.disarm()

    async def wait_for_work(self, claimed: ClaimResult) -> None:
        """Sleep until there may be something to do. A return is a reason to look, not a promise to find.

        The order matters: arm, look once more, sleep. A commit before `arm` returned is seen by that look; one after
        it rings.
        """
        wait = self._poll_interval * (1.0 + JITTER * (self._rng.random() - 0.5))
        if claimed.wait is not None:
            wait = min(wait, max(claimed.wait, 0.0))
        if claimed.limited:
            # Tokens are missing, and no insert can change that: no bell, and no look before they are there.
            await self._sleep(wait)
            return
        await self._probe()
        bell = await self._doorbell.arm()
        if bell is not ArmResult.NOT_ARMED and not self._checked:
            self._checked = True
            return
        if bell is ArmResult.NOT_ARMED:
            self._checked = False
            wait = min(wait, FIRST_POLL * 2 ** min(self._open_polls, 10) * (1.0 - JITTER * self._rng.random()))
            self._open_polls += 1
        else:
            self._open_polls = 0
        await self._sleep(wait)

    async def close(self) -> None:
        """Give up the listening session."""
        await self._doorbell.close()

    async def _sleep(self, seconds: float) -> None:
        rung = self._doorbell.rung
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), max(seconds, 0.001))
        rung.clear()

    async def _probe(self) -> None:
        now = self._monotonic()
        if now >= self._next_probe:
            self._next_probe = now + PROBE_EVERY
            await self._doorbell.probe()
