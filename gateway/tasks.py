"""Ends tasks for certain."""

import asyncio
from typing import Any

CANCEL_AGAIN_SECONDS = 1.0
"""Until a task that is still running is cancelled again."""


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and return when it has ended.

    A cancellation can get lost: a library that was about to report an error or a timeout at that moment reports this
    instead, and a loop that tries again goes on. Without another cancellation the process would never stop.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)
