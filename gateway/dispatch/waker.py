"""When to claim again: at once under load, on the doorbell when idle, and by the safety poll in any case."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.dispatch.claimer import ClaimResult
from gateway.store.doorbell import ArmResult, Doorbell

FIRST_POLL_SECONDS = 0.005
"""Until the first poll while the doorbell cannot be armed. It doubles from there up to the safety poll.

The polls are for transactions that will not ring. So a short one is found soon after its commit, and a long one costs
few polls."""

SESSION_CHECK_SECONDS = 15.0
"""Between checks that the listening session is alive."""

POLL_JITTER = 0.2
"""Relative range by which polls differ, so that replicas that started together do not keep polling together."""

MIN_SLEEP_SECONDS = 0.001


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
        self._unarmed_polls = 0
        self._next_session_check = 0.0
        self._claimed_since_armed = False

    def wake(self) -> None:
        """End the sleep: something in this process made work available."""
        self._doorbell.rung.set()

    async def on_work(self) -> None:
        """Disarm the doorbell: there was work, so inserts need not ring."""
        self._claimed_since_armed = False
        self._unarmed_polls = 0
        await self._doorbell.disarm()

    async def wait_for_work(self, claimed: ClaimResult) -> None:
        """Sleep until there may be something to claim.

        The order matters: arm, claim once more, sleep. A commit before `arm` returned is seen by that claim, and a
        commit after it rings.
        """
        wait = self._poll_interval * (1.0 + POLL_JITTER * (self._rng.random() - 0.5))
        if claimed.wait is not None:
            wait = min(wait, max(claimed.wait, 0.0))
        if claimed.only_tokens_missing:
            # No insert can change that: no doorbell, and no claim before the tokens are there.
            await self._sleep(wait)
            return
        await self._check_session()
        armed = await self._doorbell.arm()
        if armed is not ArmResult.NOT_ARMED and not self._claimed_since_armed:
            self._claimed_since_armed = True
            return
        if armed is ArmResult.NOT_ARMED:
            self._claimed_since_armed = False
            backoff = FIRST_POLL_SECONDS * 2 ** min(self._unarmed_polls, 10)
            wait = min(wait, backoff * (1.0 - POLL_JITTER * self._rng.random()))
            self._unarmed_polls += 1
        else:
            self._unarmed_polls = 0
        await self._sleep(wait)

    async def close(self) -> None:
        """Close the listening session."""
        await self._doorbell.close()

    async def _sleep(self, seconds: float) -> None:
        rung = self._doorbell.rung
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), max(seconds, MIN_SLEEP_SECONDS))
        rung.clear()

    async def _check_session(self) -> None:
        now = self._monotonic()
        if now >= self._next_session_check:
            self._next_session_check = now + SESSION_CHECK_SECONDS
            await self._doorbell.probe()
